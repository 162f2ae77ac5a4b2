/** What in-place ABN keeps, whose memory it uses, and who notices. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { add } from '../../src/autograd/add.ts';
import { backward, grad } from '../../src/autograd/backward.ts';
import { clone } from '../../src/autograd/clone.ts';
import { elu } from '../../src/autograd/elu.ts';
import { exp } from '../../src/autograd/exp.ts';
import { assertGradcheck } from '../../src/autograd/gradcheck.ts';
import { mul } from '../../src/autograd/mul.ts';
import { detach, type Node, noGrad } from '../../src/autograd/record.ts';
import { reshape } from '../../src/autograd/reshape.ts';
import { savedBytes } from '../../src/autograd/saved-bytes.ts';
import { square } from '../../src/autograd/square.ts';
import { sum } from '../../src/autograd/sum.ts';
import { createNetwork } from '../../src/cli/train/network.ts';
import { LeakyReLU, ReLU } from '../../src/nn/activations.ts';
import { Conv2d } from '../../src/nn/conv2d.ts';
import type { Layer } from '../../src/nn/module.ts';
import { Sequential } from '../../src/nn/sequential.ts';
import { BatchNorm, batchNorm, batchNormDefinition } from '../../src/norms/batch.ts';
import { InPlaceABN, inPlaceABN, inPlaceABNDefinition, inPlaceABNState } from '../../src/norms/in-place-abn.ts';
import { assign } from '../../src/tensor/assign.ts';
import { copy, fromArray, full, ones, tensor, zeros } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import { toArray } from '../../src/tensor/read.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose, assertThrows } from '../support/assertions.ts';
import { read } from '../support/project.ts';

const test = suite('in-place-abn, memory');
const float64 = { dtype: 'float64' } as const;
const leaf = (x: Tensor): Tensor => copy(x, { requiresGrad: true });
const forms = [inPlaceABN, inPlaceABNDefinition];

/** A hidden tensor [4, 3, 5] that depends on a leaf, with parameters. */
function hidden(seed = 1) {
  const root = normal(new Random(seed), [4, 3, 5]);
  root.requiresGrad = true;
  const weight = tensor([1.5, -0.75, 0.5], { requiresGrad: true });
  const bias = tensor([0.25, -1, 2], { requiresGrad: true });
  return { root, x: mul(root, 2), weight, bias };
}

test('the output and one number for each channel are kept, and nothing else; the output is the very tensor', () => {
  for (const norm of forms) {
    for (const activation of ['leakyRelu', 'elu', 'identity'] as const) {
      for (const training of [true, false]) {
        for (const inPlace of [true, false]) {
          const { root, x, weight, bias } = hidden();
          const before = savedBytes(x);
          const z = norm(x, weight, bias, inPlaceABNState(3), { activation, training, inPlace });
          assert.is(savedBytes(z, { except: [weight, bias] }) - before, 4 * (60 + 3));
          const { saved } = z.source!.node as Node;
          assert.is((saved as { kept: Tensor }).kept, z);
          assert.equal(Object.values(saved!).filter((value) => value === x || value === root), []);
        }
      }
    }
  }
});

test('what the next layer keeps of the output costs nothing more', () => {
  const { x, weight, bias } = hidden();
  const z = inPlaceABN(x, weight, bias);
  assert.is(savedBytes(square(z)), savedBytes(z));
  assert.is(savedBytes(square(batchNorm(x, weight, bias))), savedBytes(batchNorm(x, weight, bias)) + 4 * 60);
});

test('without gradients nothing is kept', () => {
  const { x, weight, bias } = hidden();
  assert.is(savedBytes(noGrad(() => inPlaceABN(x, weight, bias))), 0);
});

test('with inPlace the output has the memory of x, and without it memory of its own', () => {
  for (const norm of forms) {
    const { x, weight, bias } = hidden();
    const before = toArray(x);
    const apart = norm(x, weight, bias);
    assert.is.not(apart.data.buffer, x.data.buffer);
    assert.equal(toArray(x), before);
    const z = norm(x, weight, bias, null, { inPlace: true });
    assert.is(z.data, x.data);
    assert.is.not(z, x);
    assert.equal(toArray(z), toArray(apart));
  }
});

test('with inPlace the gradients are the same, bit by bit', () => {
  for (const norm of forms) {
    const [apart, over] = [false, true].map((inPlace) => {
      const { root, x, weight, bias } = hidden();
      backward(sum(square(norm(x, weight, bias, null, { inPlace, activation: 'elu', activationParam: 1 }))));
      return [root, weight, bias].map((held) => toArray(held.grad!));
    });
    assert.equal(over, apart);
  }
});

test('x may be lost after the forward: the gradients do not change', () => {
  for (const norm of forms) {
    const [kept, lost] = [false, true].map((lose) => {
      const { root, x, weight, bias } = hidden();
      const z = norm(x, weight, bias);
      if (lose) assign(x, full(x.shape, NaN));
      backward(sum(square(z)));
      return [root, weight, bias].map((held) => toArray(held.grad!));
    });
    assert.equal(lost, kept);
  }
});

test('a later write into the output makes backward refuse', () => {
  for (const norm of forms) {
    for (const inPlace of [true, false]) {
      const { root, x, weight, bias } = hidden();
      const z = norm(x, weight, bias, null, { inPlace });
      assign(z, zeros(z.shape));
      assertThrows(() => backward(sum(z)), 'Error', /a value that inPlaceABN(Definition)? needs for its gradient has been overwritten/);
      assert.is(root.grad, null);
      const next = hidden();
      const through = norm(next.x, next.weight, next.bias);
      norm(through, null, null, null, { inPlace: true });
      assertThrows(() => backward(sum(through)), 'Error', /has been overwritten since/);
    }
  }
});

test('with inPlace whatever else needs x for its gradient refuses to go backward, and so does what made it and needs it', () => {
  for (const norm of forms) {
    const { x, weight, bias } = hidden();
    const other = square(x);
    const z = norm(x, weight, bias, null, { inPlace: true });
    assertThrows(() => backward(sum(add(other, z))), 'Error', /square|mul.*has been overwritten/);
    const made = exp(leaf(normal(new Random(2), [4, 3])));
    const over = norm(made, null, null, null, { inPlace: true });
    assertThrows(() => backward(sum(over)), 'Error', /a value that exp needs for its gradient has been overwritten/);
  }
});

test('a weight that is changed between forward and backward is noticed', () => {
  const { x, weight, bias } = hidden();
  const z = inPlaceABN(x, weight, bias);
  assign(weight, ones([3]));
  assertThrows(() => backward(sum(z)), 'Error', /inPlaceABN needs for its gradient has been overwritten/);
});

test('with inPlace a leaf that requires a gradient is refused, also reshaped, and a parameter or the state; nothing changes', () => {
  const { weight, bias } = hidden();
  for (const norm of forms) {
    const state = inPlaceABNState(3);
    const refused = (x: Tensor, message: RegExp, scale: Tensor = weight): void => {
      const before = Array.from(x.data);
      assertThrows(() => norm(x, scale, bias, state, { inPlace: true }), 'Error', message);
      assert.equal(Array.from(x.data), before);
      assert.is(state.numBatchesTracked.data[0], 0);
    };
    const root = leaf(normal(new Random(3), [2, 3, 2]));
    refused(root, /inPlace must not write over a leaf that requires a gradient; pass clone\(x\), or leave inPlace out/);
    refused(reshape(reshape(root, [12]), [4, 3]), /a leaf that requires a gradient/);
    const both = normal(new Random(4), [2, 3]);
    const row = fromArray(both.data.subarray(0, 3), [3]);
    refused(both, /inPlace must not write over a parameter or the state, got x in the memory of one/, row);
    norm(clone(root), weight, bias, state, { inPlace: true });
    norm(normal(new Random(5), [2, 3]), weight, bias, state, { inPlace: true });
    noGrad(() => norm(root, weight, bias, state, { inPlace: true }));
  }
});

test('an incoming gradient is not written into, also one that is the same number everywhere', () => {
  const { root, x, weight, bias } = hidden();
  const z = inPlaceABN(x, weight, bias, null, { inPlace: true });
  const dz = full(z.shape, 2);
  const [once] = grad([z], [root], { gradOutputs: [dz], retainGraph: true });
  assert.ok(dz.data.every((value) => value === 2));
  const [total, same] = grad([sum(z)], [root, z], { retainGraph: true });
  assertClose(once!, fromArray(total!.data.map((value) => 2 * value), z.shape), 1e-6);
  assert.ok(same!.data.every((value) => value === 1));
});

test('a chain of convolutions and norms in place has the gradients of the same chain apart', () => {
  const [apart, over] = [false, true].map((inPlace) => {
    const random = new Random(6);
    const network = new Sequential(
      ...[1, 2, 3].flatMap((channels): Layer[] => [
        new Conv2d(channels, channels + 1, { kernelSize: 3, padding: 1, random }),
        new InPlaceABN(channels + 1, { inPlace }),
      ]),
    );
    backward(sum(square(network.forward(normal(random, [2, 1, 4, 4])))));
    return network.parameters().map((held) => toArray(held.grad!));
  });
  assert.equal(over, apart);
});

/** A channel with an outlier at xHat = -3, and weight 6: y below -18, which elu takes to -1 in float32. */
function saturating(dtype: 'float32' | 'float64', size: number) {
  const values = [-9, 1, 1, 1, 1, 1, 1, 1, 1, 1];
  const x = fromArray(Float64Array.from(values), [10, 1]);
  const dz = fromArray(Float64Array.from(values, (_, i) => ((i * 7) % 5) - 1.75), [10, 1]);
  const as = (t: Tensor): Tensor => fromArray(dtype === 'float32' ? Float32Array.from(t.data) : t.data, t.shape, { requiresGrad: true });
  return { x: as(x), dz: detach(as(dz)), weight: as(tensor([size], float64)), bias: as(tensor([0.5], float64)) };
}

test('where elu is too flat to be undone y is kept for the call, and the gradients are those of batch norm and elu', () => {
  for (const [dtype, size, tolerance] of [['float32', 6, 1e-6], ['float64', 6, 1e-8], ['float64', 12, 1e-13], ['float64', 300, 1e-13]] as const) {
    for (const inPlace of [false, true]) {
      for (const norm of forms) {
        const { x, dz, weight, bias } = saturating(dtype, size);
        const z = norm(mul(x, 1), weight, bias, null, { activation: 'elu', activationParam: 1, inPlace });
        const wide = saturating('float64', size);
        const y = batchNormDefinition(wide.x, add(wide.weight, 1e-5), wide.bias);
        const want = elu(y, 1);
        assertClose(z, want, 1e-6);
        const got = grad([z], [x, weight, bias], { gradOutputs: [dz] });
        grad([want], [wide.x, wide.weight, wide.bias], { gradOutputs: [wide.dz] }).forEach((d, i) => assertClose(got[i]!, d, tolerance));
      }
    }
  }
});

test('y is kept in place of z, in memory of its own, only where it has to be, in evaluation too', () => {
  for (const norm of forms) {
    for (const training of [true, false]) {
      const kept = (dtype: 'float32' | 'float64', lowest: number): number => {
        const x = tensor([[lowest], [1]], { dtype, requiresGrad: true });
        const state = { ...inPlaceABNState(1, { dtype }), runningVar: tensor([1], { dtype }) };
        // in training xHat is -1 and 1: the bias puts the lower one at `lowest`
        const bias = tensor([training ? lowest + 1 : 0], { dtype });
        const z = norm(x, null, bias, state, { activation: 'elu', activationParam: 1, eps: 0, training });
        const bytes = savedBytes(z, { except: [bias] }) / (dtype === 'float32' ? 4 : 8);
        const saved = (z.source!.node as Node).saved as { kept: Tensor };
        assert.is(bytes, 3, 'y or z, and a number for the channel');
        return saved.kept === z ? 0 : 1;
      };
      assert.equal([kept('float32', -7.5), kept('float32', -8.5)], [0, 1]);
      assert.equal([kept('float64', -24.5), kept('float64', -25.5)], [0, 1]);
      assert.is(kept('float32', -7.5), 0);
    }
  }
  const { x, weight, bias } = saturating('float32', 6);
  const options = { activation: 'elu', activationParam: 1, inPlace: true } as const;
  const z = inPlaceABN(mul(x, 1), weight, bias, null, options);
  const except = [x, weight, bias];
  assert.is(savedBytes(square(z), { except }), savedBytes(z, { except }) + 4 * 10, 'the next layer keeps z beside it');
});

test('a call that keeps y does not need z: a write into z changes nothing', () => {
  const [kept, lost] = [false, true].map((lose) => {
    const { x, dz, weight, bias } = saturating('float32', 6);
    const z = inPlaceABN(x, weight, bias, null, { activation: 'elu', activationParam: 1 });
    if (lose) assign(z, zeros(z.shape));
    return grad([z], [x, weight, bias], { gradOutputs: [dz] }).map((found) => toArray(found));
  });
  assert.equal(lost, kept);
});

test('first and second derivatives hold where y is kept, for numbers that elu bends too', () => {
  // one y is at -30, the others are about 0 to either side
  const given = (values: number[][] | number[]): Tensor => tensor(values, { ...float64, requiresGrad: true });
  const x = given([-9, 0.6, 1.3, 0.9, 1.5, 0.7, 1.1, 1.4, 0.8, 1.2].map((value) => [value]));
  const dz = given([0.5, -1, 2, 0.25, 1.5, -0.75, 1, -2, 0.5, 1].map((value) => [value]));
  const [weight, bias] = [given([9]), given([-3])];
  const f = (...[a, w, b]: Tensor[]): Tensor => inPlaceABN(a!, w!, b!, null, { activation: 'elu', activationParam: 0.5, eps: 0.1 });
  const z = f(x, weight, bias);
  assert.is.not(((z.source!.node as Node).saved as { kept: Tensor }).kept, z);
  assert.ok(z.data.filter((value) => value < 0 && value > -0.45).length >= 3);
  assertGradcheck(f, [x, weight, bias]);
  const vjp = (...values: Tensor[]): Tensor[] =>
    grad([f(...values)], values.slice(0, 3), { gradOutputs: [values[3]!], createGraph: true });
  assertGradcheck(vjp, [x, weight, bias, dz]);
});

test('second derivatives take no detour by weight and activation: nothing large cancels where elu is flat', () => {
  const one = (values: number[][] | number[]): Tensor => tensor(values, { ...float64, requiresGrad: true });
  const options = { activation: 'elu', activationParam: 0.01, eps: 0.125, training: false } as const;
  // through z the gradient of the weight was a small number plus two that cancel: not linear in the weights of the outputs
  const vjp = (...values: Tensor[]): Tensor[] => {
    const z = inPlaceABN(values[0]!, values[1]!, values[2]!, inPlaceABNState(1, float64), options);
    return grad([z], values.slice(0, 3), { gradOutputs: [values[3]!], createGraph: true });
  };
  for (let seed = 0; seed < 20; seed++) {
    assertGradcheck(vjp, [one([[1], [-4]]), one([1]), one([0]), one([[1], [1]])], { random: new Random(seed), directions: 1 });
  }
});

test('third derivatives hold', () => {
  const x = normal(new Random(7), [3, 1], 0, 1, { ...float64, requiresGrad: true });
  const third = (...[a]: Tensor[]): Tensor => {
    const [first] = grad([sum(square(inPlaceABN(a!, null, null, null, { activation: 'elu', activationParam: 1, eps: 0.5 })))], [a!], { createGraph: true });
    return grad([sum(square(first!))], [a!], { createGraph: true })[0]!;
  };
  assertGradcheck(third, [x]);
});

test('higher derivatives see the running statistics as they were, and leave the state alone', () => {
  for (const training of [true, false]) {
    const state = { ...inPlaceABNState(3, float64), runningMean: tensor([1, 2, 3], float64) };
    const x = normal(new Random(8), [4, 3, 2], 0, 1, { ...float64, requiresGrad: true });
    const weight = leaf(tensor([1, -2, 0.5], float64));
    const z = inPlaceABN(x, weight, null, state, { training, activation: 'elu', activationParam: 0.5 });
    const before = Object.values(state).map((held) => toArray(held));
    const asked = { gradOutputs: [normal(new Random(9), [4, 3, 2], 0, 1, float64)] };
    const first = grad([z], [x, weight], { ...asked, retainGraph: true });
    assign(state.runningMean, full([3], 77));
    assign(state.runningVar, full([3], 77));
    grad([z], [x, weight], { ...asked, createGraph: true }).forEach((found, i) => assertClose(found, first[i]!, 1e-13));
    assign(state.runningMean, tensor(before[0]!, float64));
    assign(state.runningVar, tensor(before[1]!, float64));
    assert.equal(Object.values(state).map((held) => toArray(held)), before);
  }
});

test('a gradient below the least number of float32 is 0, in a channel far below its running mean', () => {
  const state = { ...inPlaceABNState(1), runningVar: tensor([1]) };
  const x = tensor([[-508], [1]], { requiresGrad: true });
  const z = inPlaceABN(x, null, null, state, { activation: 'elu', activationParam: 2, training: false });
  assert.equal(toArray(z), [[-2], [Math.fround(1 / Math.sqrt(1 + 1e-5))]]);
  assert.is(grad([sum(z)], [x])[0]!.data[0], 0);
});

/** The network of `normgrad train --norm batch` with leaky rectifiers; or with in-place ABN for each norm and rectifier. */
function digitNetwork(over: boolean): Sequential {
  const { layers } = createNetwork('batch', { height: 16, width: 16, classes: 10, gain: 1, seed: 1 });
  return new Sequential(
    ...layers.flatMap((layer): Layer[] => {
      if (layer instanceof ReLU) return over ? [] : [new LeakyReLU()];
      return [over && layer instanceof BatchNorm ? new InPlaceABN(layer.numFeatures, { inPlace: true }) : layer];
    }),
  );
}

/** Bytes for 16 images of 16 by 16: those that norms and activations add to what the layers before them keep, and all. */
function keptBytes(over: boolean): number[] {
  const network = digitNetwork(over);
  const images = normal(new Random(10), [16, 1, 16, 16]);
  const except = [images, ...network.parameters()];
  let x = images;
  let total = 0;
  const added: number[] = [];
  for (const layer of network.layers) {
    x = layer.forward(x);
    const now = savedBytes(x, { except });
    if (layer instanceof BatchNorm || layer instanceof InPlaceABN) added.push(now - total);
    if (layer instanceof LeakyReLU) added[added.length - 1]! += now - total;
    total = now;
  }
  return [...added, total];
}

test('the table of the page is what is measured', () => {
  const rows = [...read('docs/norms/in-place-abn.md').matchAll(/^\| ([^|]+) \| ([\d,]+) \| ([\d,]+) \| (\d+) % \|$/gm)];
  const number = (text: string): number => Number(text.replaceAll(',', ''));
  const [batch, over] = [keptBytes(false), keptBytes(true)];
  assert.equal(rows.map((row) => number(row[2]!)), batch);
  assert.equal(rows.map((row) => number(row[3]!)), over);
  assert.equal(rows.map((row) => number(row[4]!)), batch.map((bytes, i) => Math.round((100 * over[i]!) / bytes)));
});

test.run();
