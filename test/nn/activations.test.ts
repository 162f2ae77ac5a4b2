import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { elu } from '../../src/autograd/elu.ts';
import { gelu } from '../../src/autograd/gelu.ts';
import { leakyRelu } from '../../src/autograd/leaky-relu.ts';
import { relu } from '../../src/autograd/relu.ts';
import { sigmoid } from '../../src/autograd/sigmoid.ts';
import { silu } from '../../src/autograd/silu.ts';
import { softmax } from '../../src/autograd/softmax.ts';
import { softplus } from '../../src/autograd/softplus.ts';
import { tanh } from '../../src/autograd/tanh.ts';
import { ELU, GELU, LeakyReLU, ReLU, Sigmoid, SiLU, Softmax, Softplus, Tanh } from '../../src/nn/activations.ts';
import { tensor } from '../../src/tensor/create.ts';
import { toArray } from '../../src/tensor/read.ts';

const test = suite('activations');

const x = tensor([[-3, -0.5, 0], [0.25, 1, 40]]);

const pairs = [
  ['ReLU', new ReLU(), relu(x)],
  ['LeakyReLU', new LeakyReLU(), leakyRelu(x, 0.01)],
  ['LeakyReLU with a slope', new LeakyReLU({ slope: 0.5 }), leakyRelu(x, 0.5)],
  ['LeakyReLU with slope 0', new LeakyReLU({ slope: 0 }), leakyRelu(x, 0)],
  ['ELU', new ELU(), elu(x, 1)],
  ['ELU with alpha', new ELU({ alpha: 0.5 }), elu(x, 0.5)],
  ['Sigmoid', new Sigmoid(), sigmoid(x)],
  ['Tanh', new Tanh(), tanh(x)],
  ['GELU', new GELU(), gelu(x)],
  ['GELU by tanh', new GELU({ approximate: 'tanh' }), gelu(x, { approximate: 'tanh' })],
  ['SiLU', new SiLU(), silu(x)],
  ['Softplus', new Softplus(), softplus(x)],
  ['Softmax', new Softmax(), softmax(x, -1)],
  ['Softmax over an axis', new Softmax({ axis: 0 }), softmax(x, 0)],
] as const;

for (const [name, module, want] of pairs) {
  test(`${name} is its function`, () => assert.equal(toArray(module.forward(x)), toArray(want)));
}

test('have no parameters', () => {
  for (const [, module] of pairs) assert.is(module.parameters().length, 0);
});

test.run();
