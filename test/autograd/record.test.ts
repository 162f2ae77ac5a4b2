import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { broadcastTo } from '../../src/autograd/broadcast-to.ts';
import { cast } from '../../src/autograd/cast.ts';
import { concat } from '../../src/autograd/concat.ts';
import { div } from '../../src/autograd/div.ts';
import { exp } from '../../src/autograd/exp.ts';
import { mul } from '../../src/autograd/mul.ts';
import { neg } from '../../src/autograd/neg.ts';
import { permute } from '../../src/autograd/permute.ts';
import { type Op, record, recordAll, withPerturbation } from '../../src/autograd/record.ts';
import { relu } from '../../src/autograd/relu.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import { take } from '../../src/autograd/take.ts';
import { assign } from '../../src/tensor/assign.ts';
import { copy, fromArray, tensor, zeros } from '../../src/tensor/create.ts';
import { like } from '../../src/tensor/like.ts';
import { item, toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertThrows } from '../support/assertions.ts';

const test = suite('record');

const leaf = (values: number[]): Tensor => tensor(values, { requiresGrad: true });

const cubeOp: Op<{ x: Tensor }> = { name: 'cube', pullback: (dy, { x }) => [mul(dy, mul(square(x), 3))] };
const cube = (x: Tensor): Tensor => record(cubeOp, [x], { x }, fromArray(x.data.map((v) => v * v * v), x.shape));

test('an operation of one’s own has derivatives of any order when its pullback is made of primitives', () => {
  const x = leaf([2]);
  const [first] = grad([cube(x)], [x], { createGraph: true });
  const [second] = grad([first!], [x], { createGraph: true });
  assert.equal([item(first!), item(second!), item(grad([second!], [x])[0]!)], [12, 12, 6]);
});

/** Plain loops, which cannot be differentiated, beside a definition, which can. */
const fusedOp: Op<{ inputs: readonly (Tensor | null)[] }> = {
  name: 'fusedCube',
  pullback: (dy, { inputs }) => [fromArray(dy.data.map((g, i) => g * 3 * inputs[0]!.data[i]! ** 2), dy.shape), null],
  definition: ([x, shift]) => (shift ? add(mul(square(x!), x!), shift) : mul(square(x!), x!)),
};
const fusedCube = (x: Tensor, shift: Tensor | null): Tensor =>
  record(fusedOp, [x, shift], { inputs: [x, shift] }, fromArray(x.data.map((v, i) => v ** 3 + (shift?.data[i] ?? 0)), x.shape));

test('a pullback of plain loops is used for first derivatives, the definition for higher ones', () => {
  const x = leaf([2]);
  assert.equal(grad([fusedCube(x, null)], [x]).map(toArray), [[12]]);
  const [first] = grad([fusedCube(x, null)], [x], { createGraph: true });
  const [second] = grad([first!], [x], { createGraph: true });
  assert.equal([item(first!), item(second!), item(grad([second!], [x])[0]!)], [12, 12, 6]);
});

test('an operation whose pullback moves state runs it once for each graph, and what is refused moves nothing', () => {
  let count = 0;
  const countingOp: Op<object> = { name: 'counting', moves: [], pullback: (dy) => (count++, [dy]) };
  const counting = (x: Tensor): Tensor => record(countingOp, [x], {}, copy(x));
  const x = leaf([2]);
  const [inner, outer] = [counting(x), (y: Tensor): Tensor => counting(square(y))];
  assertThrows(() => grad([outer(inner)], [x], { createGraph: true }), 'Error', /counting has no higher derivative, .*leave createGraph out/);
  assert.is(count, 0);
  backward(inner, undefined, { retainGraph: true });
  // the second operation has not run yet, but the first one, below it, has
  const later = outer(inner);
  for (const options of [{}, { retainGraph: true }]) {
    assertThrows(() => backward(later, undefined, options), 'Error', /counting goes backward once for each forward/);
    assertThrows(() => backward(inner, undefined, options), 'Error', /counting goes backward once for each forward/);
  }
  assert.is(count, 1);
  // a pass that does not come by is none of its business, and one after it has been freed says why
  const y = square(counting(x));
  backward(y);
  assert.is(count, 2);
  const freed = counting(x);
  backward(freed);
  assertThrows(() => backward(freed), 'Error', /counting goes backward once for each forward/);
  assert.equal(toArray(x.grad!), [1 + 4 + 1]);
});

test('an absent input gets no gradient, and one that needs none is not asked for', () => {
  const x = leaf([2]);
  backward(fusedCube(x, tensor([1])));
  assert.equal(toArray(x.grad!), [12]);
  const y = leaf([2]);
  assert.equal(grad([fusedCube(y, tensor([1]))], [y], { createGraph: true }).map(toArray), [[12]]);
});

/** y0 = a + b, y1 = a * b */
const sumAndProductOp: Op<{ a: Tensor; b: Tensor }> = {
  name: 'sumAndProduct',
  pullback: (_, { a, b }, needs, [ds, dp]) => [
    needs[0] ? add(ds!, mul(dp!, b)) : null,
    needs[1] ? add(ds!, mul(dp!, a)) : null,
  ],
};
function sumAndProduct(a: Tensor, b: Tensor): [Tensor, Tensor] {
  const outputs: [Tensor, Tensor] = [like(a), like(a)];
  for (let i = 0; i < a.data.length; i++) {
    outputs[0].data[i] = a.data[i]! + b.data[i]!;
    outputs[1].data[i] = a.data[i]! * b.data[i]!;
  }
  recordAll(sumAndProductOp, [a, b], { a, b }, outputs);
  return outputs;
}

test('an operation with several outputs gets the gradient of each', () => {
  const a = leaf([2]);
  const b = leaf([5]);
  const [s, p] = sumAndProduct(a, b);
  backward(add(mul(s, 10), p));
  assert.equal([item(a.grad!), item(b.grad!)], [15, 12]);
});

test('an output that is not used has a gradient of zeros', () => {
  const a = leaf([2]);
  const b = leaf([5]);
  backward(sumAndProduct(a, b)[1]);
  assert.equal([item(a.grad!), item(b.grad!)], [5, 2]);
  const [s] = sumAndProduct(a, b);
  assert.equal(grad([s], [a, b]).map(item), [1, 1]);
});

test('several outputs can be asked for as inputs of grad', () => {
  const [s, p] = sumAndProduct(leaf([2]), leaf([5]));
  assert.equal(grad([mul(s, p)], [s, p]).map(item), [10, 7]);
});

test('needs tells the pullback which gradients are wanted', () => {
  const asked: (readonly boolean[])[] = [];
  const spyOp: Op<object> = {
    name: 'spy',
    pullback: (dy, _, needs) => {
      asked.push(needs);
      return [dy, dy];
    },
  };
  const spy = (a: Tensor, b: Tensor): Tensor => record(spyOp, [a, b], {}, copy(a));
  const x = leaf([1]);
  const y = leaf([1]);
  backward(spy(x, tensor([1])));
  grad([spy(x, y)], [y]);
  assert.equal(asked, [[true, false], [false, true]]);
});

const broken = (name: string, pullback: Op<object>['pullback']): Op<object> => ({ name, pullback });

test('a pullback that gives no gradient, one of another shape or another dtype is an error, and changes nothing', () => {
  const x = leaf([1, 2]);
  const y = leaf([3, 4]);
  const cases: [Op<object>, string, RegExp][] = [
    [broken('lazy', () => [null]), 'Error', /^backward: the pullback of lazy gave no gradient for input 0, which needs one/],
    [broken('short', () => []), 'Error', /the pullback of short gave no gradient/],
    [broken('scalar', (dy) => [sum(dy)]), 'ShapeError', /the pullback of scalar gave shape \[\] for input 0 of shape \[2\]/],
    [broken('wide', (dy) => [cast(dy, 'float64')]), 'TypeError', /the pullback of wide gave float64 for input 0, which is float32; use cast/],
  ];
  for (const [op, name, message] of cases) {
    for (const input of [x, square(x)]) {
      const z = add(square(y), record(op, [input], {}, zeros([2])));
      assertThrows(() => backward(sum(z)), name, message);
      assert.is(x.grad, null);
      assert.is(y.grad, null);
    }
  }
});

test('a pullback that returns one tensor for two inputs does not tie their gradients together', () => {
  const sameOp: Op<object> = broken('same', (dy) => {
    const g = mul(dy, 2);
    return [g, g];
  });
  const x = leaf([1]);
  const y = leaf([1]);
  const h = mul(x, 1);
  // made first, so that its gradient arrives last, and is added to the one that the two inputs share
  const other = mul(h, 5);
  backward(add(record(sameOp, [h, y], {}, zeros([1])), other));
  assert.equal([item(x.grad!), item(y.grad!)], [7, 2]);
  assert.is.not(x.grad!.data, y.grad!.data);
});

test('a pullback that returns a saved tensor does not give it away', () => {
  const factor = tensor([3]);
  const constantOp: Op<{ factor: Tensor }> = { name: 'constant', pullback: (_, saved) => [saved.factor] };
  const x = leaf([1]);
  const other = mul(x, 10);
  backward(add(other, record(constantOp, [x], { factor }, zeros([1]))));
  assert.equal(toArray(x.grad!), [13]);
  assert.equal(toArray(factor), [3]);
});

test('what is saved in lists and plain objects counts too, and a tensor there is watched for later writes', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const factor = tensor([3, 4]);
  const op = { name: 'nested', pullback: (dy: Tensor, { of }: { of: { list: Tensor[] } }) => [mul(dy, of.list[0]!)] };
  const make = (): Tensor => record(op, [x], { of: { list: [factor], rstd: new Float64Array(3) } }, tensor([3, 8]));
  const y = make();
  assert.is(savedBytes(y), 8 + 24);
  backward(y, tensor([1, 1]));
  assert.equal(Array.from(x.grad!.data), [3, 4]);
  const z = make();
  assign(factor, tensor([5, 6]));
  assert.throws(() => backward(z, tensor([1, 1])), /overwritten|written/);
});

test('savedBytes counts each saved array once, through the whole graph', () => {
  const x = leaf([1, 2, 3]);
  assert.is(savedBytes(x), 0);
  assert.is(savedBytes(tensor([1])), 0);
  assert.is(savedBytes(square(x)), 12);
  assert.is(savedBytes(mul(x, square(x))), 12 + 12);
  assert.is(savedBytes(mul(square(x), reshape(x, [3]))), 12 + 12);
  assert.is(savedBytes(neg(neg(x))), 0);
  assert.is(savedBytes(concat([square(x), square(x)])), 12);
  const wide = tensor([1, 2, 3], { dtype: 'float64', requiresGrad: true });
  assert.is(savedBytes(square(wide)), 24);
  assert.is(savedBytes(take(x, [0, 2])), 8);
});

test('savedBytes leaves out what is alive anyway, and is 0 once the graph is freed', () => {
  const weight = leaf([1, 2, 3]);
  const x = leaf([4, 5, 6]);
  const y = sum(mul(x, weight));
  assert.is(savedBytes(y), 24);
  assert.is(savedBytes(y, { except: [weight] }), 12);
  backward(y);
  assert.is(savedBytes(y), 0);
});

test('savedBytes counts saved lists and typed arrays', () => {
  const x = leaf([1, 2]);
  const op: Op<object> = broken('any', (dy) => [dy]);
  const saved = { list: [tensor([1, 2, 3]), null], mask: new Uint8Array(5), size: 7, x };
  assert.is(savedBytes(record(op, [x], saved, zeros([2]))), 12 + 5 + 8);
});

const doubled = (data: Tensor['data']): void => {
  for (let i = 0; i < data.length; i++) data[i]! *= 2;
};

test('a perturbation is applied to every rounded result', () => {
  const x = tensor([1, -2]);
  withPerturbation(doubled, () => {
    assert.equal(toArray(add(x, 1)), [4, -2]);
    assert.equal(toArray(square(mul(x, x))), [8, 128]);
  });
  assert.equal(toArray(add(x, 1)), [2, -1]);
});

test('a perturbation leaves copies alone', () => {
  const x = tensor([1, -2]);
  withPerturbation(doubled, () => {
    assert.equal(toArray(reshape(x, [2, 1])), [[1], [-2]]);
    assert.equal(toArray(broadcastTo(x, [1, 2])), [[1, -2]]);
    assert.equal(toArray(permute(reshape(x, [1, 2]), [1, 0])), [[1], [-2]]);
    assert.equal(toArray(concat([x, x])), [1, -2, 1, -2]);
    assert.equal(toArray(relu(x)), [1, 0]);
    assert.equal(toArray(neg(x)), [-1, 2]);
  });
  assert.equal(toArray(x), [1, -2]);
});

test('perturbed values go backward: what was saved is what was perturbed', () => {
  const x = leaf([0]);
  const y = withPerturbation(doubled, () => exp(x));
  assert.is(item(y), 2);
  backward(y);
  assert.equal(toArray(x.grad!), [2]);
});

test('a perturbation ends also when its body throws, and a nested one replaces it', () => {
  assert.throws(() => withPerturbation(doubled, () => { throw new Error('stop'); }), /stop/);
  assert.equal(toArray(add(tensor([1]), 1)), [2]);
  withPerturbation(doubled, () => {
    withPerturbation((data) => data.fill(9), () => assert.equal(toArray(add(tensor([1]), 1)), [9]));
    assert.equal(toArray(add(tensor([1]), 1)), [4]);
  });
});

test('an output that is one of the inputs, or has a history, is refused', () => {
  const x = tensor([1, 2], { requiresGrad: true });
  const op: Op<object> = { name: 'same', pullback: (dy) => [dy] };
  assert.throws(() => record(op, [x], {}, x), /an output of same has a history already; make each output a new Tensor/);
  assert.is(x.source, null);
});

test('a product saves only what its gradients need, and numbers as scalars', () => {
  const x = tensor([1, 2, 3], { requiresGrad: true });
  assert.is(savedBytes(mul(x, 2)), 4);
  assert.is(savedBytes(mul(x, tensor([4, 5, 6]))), 12);
  assert.is(savedBytes(div(x, 2)), 4);
});

test.run();
