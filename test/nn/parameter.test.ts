import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/record.ts';
import { mul } from '../../src/autograd/mul.ts';
import { Parameter, parameter } from '../../src/nn/parameter.ts';
import { assign } from '../../src/tensor/assign.ts';
import { tensor } from '../../src/tensor/create.ts';
import { Tensor } from '../../src/tensor/tensor.ts';

const test = suite('Parameter');

test('is a tensor over the same memory that requires a gradient', () => {
  const values = tensor([[1, 2]], { dtype: 'float64' });
  const made = parameter(values);
  assert.ok(made instanceof Parameter && made instanceof Tensor);
  assert.is(made.data, values.data);
  assert.equal(made.shape, [1, 2]);
  assert.is(made.dtype, 'float64');
  assert.is(made.requiresGrad, true);
  assert.is(values.requiresGrad, false);
});

test('shares the count of writes with the tensor it was made from', () => {
  const values = tensor([1]);
  const made = parameter(values);
  const { version } = made.storage;
  assign(values, tensor([2]));
  assert.is(made.storage.version, version + 1);
});

test('of a computed tensor is a leaf', () => {
  const x = tensor([1], { requiresGrad: true });
  assert.is(parameter(mul(x, 2)).source, null);
  assert.is(noGrad(() => parameter(tensor([1]))).requiresGrad, true);
});

test.run();
