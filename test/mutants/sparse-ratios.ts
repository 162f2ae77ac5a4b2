/** Mistakes in sparsemax and SparsestMax. */
import type { Mutant } from './mutant.ts';

const kernel = 'src/tensor/simplex-kernel.ts';
const sparsemax = ['autograd/sparsemax', 'norms/vectors'];
const sparsestmax = ['autograd/sparsestmax', 'norms/vectors', 'norms/fused'];

export const mutants: readonly Mutant[] = [
  {
    name: 'sparsemax: the gradient takes the mean over all elements, not over the support',
    mistake: 'sparsemax-mean-over-all',
    file: 'src/autograd/sparsemax.ts',
    find: 'sizes[slice]! += y.data[at] === y.data[at] ? members[at]! : NaN;',
    replace: 'sizes[slice]! += y.data[at] === y.data[at] ? 1 : NaN;',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: elements off the support get a gradient',
    mistake: 'sparsemax-off-support',
    file: 'src/autograd/sparsemax.ts',
    find: 'return [gate(sub(dy, mean), members)];',
    replace: 'return [sub(dy, mean)];',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: the mean is not subtracted in the gradient',
    mistake: 'sparsemax-mean-missing',
    file: 'src/autograd/sparsemax.ts',
    find: 'return [gate(sub(dy, mean), members)];',
    replace: 'return [gate(sub(dy, gate(mean, new Float32Array(mean.data.length))), members)];',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: a tie at the threshold gives both sides a full gradient',
    file: 'src/autograd/sparsemax.ts',
    find: 'return less(sum(relu(above), { axis: 2 }), 1);',
    replace: 'return less(sum(relu(above), { axis: 2 }), 1 + 2 ** -40);',
    tests: ['autograd/sparsemax', 'norms/vectors'],
    norm: 'op-sparsemax',
    note: 'the definition takes an element at tau into the support',
  },
  {
    name: 'sparsemax: the support holds one element more',
    file: kernel,
    find: 'if (!(1 + k * value > total)) break;\n    tau = (total - 1) / k;',
    replace: 'tau = (total - 1) / k;\n    if (!(1 + k * value > total)) break;',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: an element at the threshold is in the support of the gradient',
    file: 'src/autograd/sparsemax.ts',
    find: 'members[at] = y.data[at] === 0 ? 0 : 1;',
    replace: 'members[at] = 1;',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: the maximum is not subtracted',
    file: kernel,
    find: 'z[i]! -= most;',
    replace: 'z[i]! -= 0 * most;',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: the elements are sorted as they come',
    file: kernel,
    find: '  sorted.sort();\n',
    replace: '',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: NaN is passed over',
    file: kernel,
    find: 'if (z[i]! > most || z[i] !== z[i]) most = z[i]!;',
    replace: 'if (z[i]! > most) most = z[i]!;',
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsemax: it runs along the wrong axis when the axis is negative',
    file: 'src/autograd/sparsemax.ts',
    find: "const view = aroundAxis('sparsemax', x.shape, axis);",
    replace: "const view = aroundAxis('sparsemax', x.shape, axis < -1 ? axis + 1 : axis);",
    tests: sparsemax,
    norm: 'op-sparsemax',
  },
  {
    name: 'sparsestmax: a tie moves all of its elements by their full gradient',
    file: kernel,
    find: 'const mean = total / size;',
    replace: 'const mean = scale === 1 && members.length === size ? 0 : total / size;',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: a tie has no gradient',
    file: kernel,
    find: 'range === 0 ? 1 : radius / (range * length);',
    replace: 'range === 0 ? 0 : radius / (range * length);',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: a tie leans to the last',
    file: kernel,
    find: 'z[order[at - 1]!]! < z[i]!; at--',
    replace: 'z[order[at - 1]!]! <= z[i]!; at--',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: the end of an arc has a gradient',
    file: kernel,
    find: `members[i] = size > 2 ? 1 : 0;
    if (range === 0 || size === 2) direction[i] = 0;
  }
  // at a tie the derivative of the centring stands in, so that training can leave it
  face.scale = size === 2 ? 0 :`,
    replace: `members[i] = 1;
    if (range === 0 || size === 2) direction[i] = 0;
  }
  face.scale = size === 2 ? 1 :`,
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: the projection in the gradient is dropped',
    file: kernel,
    find: 'g[i]! - mean - direction[i]! * along',
    replace: 'g[i]! - mean',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: on a face the full radius is taken',
    file: kernel,
    find: 'radius * radius - (1 / size - 1 / count)',
    replace: 'radius * radius',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
    note: 'what the released code does on an edge',
  },
  {
    name: 'sparsestmax: a point outside the face is cut off',
    file: kernel,
    find: 'if (least < 0 && size > 2) {',
    replace: 'if (least < -1 && size > 2) {',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: sparsemax is pulled in to the sphere',
    file: kernel,
    find: 'if (radius <= 0 || !(Math.sqrt(squares) < radius)) return;',
    replace: 'if (radius <= 0 || squares !== squares) return;',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: the corners are reached at radius 1',
    file: kernel,
    find: 'if (radius >= circumradius(count)) {',
    replace: 'if (radius >= 1) {',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: the schedule goes on beyond the corners',
    file: 'src/autograd/sparsestmax.ts',
    find: 'circumradius(count) * Math.min(1, step / total)',
    replace: 'circumradius(count) * (step / total)',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
  {
    name: 'sparsestmax: squares of tiny differences vanish',
    file: kernel,
    find: 'const range = z[order[0]!]! - z[order[size - 1]!]!;',
    replace: 'const range = z[order[0]!]! === z[order[size - 1]!]! ? 0 : 1;',
    tests: sparsestmax,
    norm: 'op-sparsestmax',
  },
];
