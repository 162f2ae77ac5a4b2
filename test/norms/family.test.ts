/** Every equality of docs/family-tree.md, in values and gradients. */
import * as assert from 'uvu/assert';
import { suite } from 'uvu';
import { grad } from '../../src/autograd/backward.ts';
import { catalog } from '../../src/norms/catalog.ts';
import { copy } from '../../src/tensor/create.ts';
import { normal, Random } from '../../src/tensor/random.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { assertClose } from '../support/assertions.ts';
import { equalities } from './family/index.ts';

const test = suite('the family tree');
const float64 = { dtype: 'float64' } as const;

/** Value and gradient. */
function both(f: (x: Tensor) => Tensor, x: Tensor): [Tensor, Tensor] {
  const leaf = copy(x, { requiresGrad: true });
  const y = f(leaf);
  const dy = normal(new Random(99), y.shape, 0, 1, float64);
  return [y, grad([y], [leaf], { gradOutputs: [dy] })[0]!];
}

for (const { norm, given, is, as, shapes, left, right, within } of equalities) {
  test([norm, given, '=', is, as].filter(Boolean).join(' '), () => {
    shapes.forEach((shape, i) => {
      const x = normal(new Random(i + 1), shape, 1.5, 2, float64);
      const [y, dx] = both(left, x);
      const [want, dWant] = both(right, x);
      assertClose(y, want, within);
      assertClose(dx, dWant, within);
      assert.ok(dx.data.some((value) => value !== 0), 'the gradient is not just zeros');
    });
  });
}

test('every norm of the catalogue has a place in the tree', () => {
  const named = new Set(equalities.flatMap(({ norm, is, as = '' }) => [norm, is, ...[...as.matchAll(/norms\/([\w-]+)\.md/g)].map((m) => m[1]!)]));
  assert.equal(catalog.map((entry) => entry.slug).filter((slug) => !named.has(slug)), []);
});

test.run();
