import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { softmax } from '../../src/autograd/softmax.ts';
import { sharesBackward } from '../../src/norms/_shares.ts';
import { fromArray } from '../../src/tensor/create.ts';

const test = suite('backward of shares');

test('it is the gradient of softmax', () => {
  const logits = fromArray(Float64Array.of(1, -2, 0.5, 3, 3, -1), [2, 3], { requiresGrad: true });
  const dy = Float64Array.of(0.5, 2, -1, 4, 0, -3);
  const y = softmax(logits);
  const [want] = grad([y], [logits], { gradOutputs: [fromArray(dy, [2, 3])] });
  const got = sharesBackward(Float64Array.from(y.data), dy, 3);
  got.forEach((value, i) => assert.ok(Math.abs(value - want!.data[i]!) <= 1e-15, `${i}: ${value}`));
});

test('beside a share that is 1 but for rounding the gradient is not what rounding makes of a difference', () => {
  // mixture norm found it: two components, of which one has all but 2e-17 of a row
  const [large, small] = [1, 2 ** -55];
  const [dLarge, dSmall] = [0.1, 3.3];
  const got = sharesBackward(Float64Array.of(large, small), Float64Array.of(dLarge, dSmall), 2);
  const want = small * (dSmall - dLarge);
  assert.ok(Math.abs(got[1]! - want) <= 1e-15 * want, `${got[1]} for ${want}`);
  assert.ok(Math.abs(got[0]! + want) <= 1e-15 * want, `${got[0]} for ${-want}`);
});

test.run();
