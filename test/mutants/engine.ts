/** Mistakes in tensors and reverse mode. */
import type { Mutant } from './mutant.ts';

const tensorTests = ['test/tensor/'];
const arithmetic = ['autograd/arithmetic'];
const reductions = ['autograd/reductions'];
const graph = ['autograd/backward', 'autograd/record'];

export const mutants: readonly Mutant[] = [
  // tensors
  {
    name: 'a negative axis is off by one',
    file: 'src/tensor/shape.ts',
    find: 'return axis < 0 ? axis + rank : axis;',
    replace: 'return axis < 0 ? Math.max(0, axis + rank - 1) : axis;',
    tests: tensorTests,
  },
  {
    name: 'repeated axes are accepted',
    file: 'src/tensor/shape.ts',
    find: 'if (list.some((axis, i) => axis === list[i - 1])) {',
    replace: 'if (false) {',
    tests: tensorTests,
  },
  {
    name: 'shapes are aligned at the first axis when broadcasting',
    file: 'src/tensor/shape.ts',
    find: 'const p = a[axis - rank + a.length] ?? 1;',
    replace: 'const p = a[axis] ?? 1;',
    tests: tensorTests,
  },
  {
    name: 'an extent of 0 does not survive broadcasting',
    file: 'src/tensor/shape.ts',
    find: 'shape[axis] = p === 1 ? q : p;',
    replace: 'shape[axis] = Math.max(p, q);',
    tests: tensorTests,
  },
  {
    name: 'float64 is stored in float32',
    file: 'src/tensor/dtype.ts',
    find: "return dtype === 'float64' ? new Float64Array(length) : new Float32Array(length);",
    replace: "return dtype === 'float64' ? new Float32Array(length) as unknown as Float64Array : new Float32Array(length);",
    tests: tensorTests,
  },
  {
    name: 'float64 is rounded to float32 on creation',
    file: 'src/tensor/create.ts',
    find: 'data[at++] = level;',
    replace: 'data[at++] = Math.fround(level);',
    tests: tensorTests,
  },
  {
    name: 'sums are accumulated in float32',
    file: 'src/tensor/walk.ts',
    find: 'for (let i = start; i < start + length; i++) total += data[i]!;',
    replace: 'for (let i = start; i < start + length; i++) total = Math.fround(total + data[i]!);',
    tests: ['test/tensor/', ...reductions],
  },
  {
    name: 'a reduction over rows keeps only the last one',
    file: 'src/tensor/walk.ts',
    find: 'out[at + i]! += data[start + i]!;',
    replace: 'out[at + i] = data[start + i]!;',
    tests: ['test/tensor/', ...reductions],
  },
  {
    name: 'copy shares its memory',
    file: 'src/tensor/create.ts',
    find: `  const out = zeros(x.shape, { dtype: x.dtype, ...options });
  out.data.set(x.data);
  return out;`,
    replace: `  if ((options.dtype ?? x.dtype) === x.dtype) return new Tensor(x.data, x.shape, options.requiresGrad);
  const out = zeros(x.shape, { dtype: x.dtype, ...options });
  out.data.set(x.data);
  return out;`,
    tests: ['test/tensor/', ...graph],
  },
  {
    name: 'arange leaves out its last number',
    file: 'src/tensor/create.ts',
    find: 'Math.ceil((stop - start) / step)',
    replace: 'Math.floor((stop - start) / step)',
    tests: tensorTests,
  },
  {
    name: 'assign is not counted as a write',
    file: 'src/tensor/assign.ts',
    find: '  target.data.set(values.data);\n  touch(target);',
    replace: '  target.data.set(values.data);',
    tests: ['test/tensor/', ...graph],
  },
  {
    name: 'assign accepts another shape of the same size',
    file: 'src/tensor/assign.ts',
    find: 'if (!sameShape(target.shape, values.shape)) {',
    replace: 'if (target.data.length !== values.data.length) {',
    tests: tensorTests,
  },
  // arithmetic and its gradients
  {
    name: 'sub gives its second operand a gradient of the wrong sign',
    file: 'src/autograd/sub.ts',
    find: 'needs[1] ? neg(dy) : null',
    replace: 'needs[1] ? dy : null',
    tests: arithmetic,
  },
  {
    name: 'sub is computed the wrong way round',
    file: 'src/autograd/sub.ts',
    find: 'a.data[i]! - b.data[i]!',
    replace: 'b.data[i]! - a.data[i]!',
    tests: arithmetic,
  },
  {
    name: 'mul exchanges the gradients of its operands',
    file: 'src/autograd/mul.ts',
    find: '[needs[0] ? mul(dy, y!) : null, needs[1] ? mul(dy, x!) : null]',
    replace: '[needs[0] ? mul(dy, needs[1] ? x! : y!) : null, needs[1] ? mul(dy, needs[0] ? y! : x!) : null]',
    tests: arithmetic,
  },
  {
    name: 'div forgets to square the divisor in its gradient',
    file: 'src/autograd/div.ts',
    find: 'mul(da, div(x!, y))',
    replace: 'mul(da, x!)',
    tests: arithmetic,
  },
  {
    name: 'div gives the divisor a gradient of the wrong sign',
    file: 'src/autograd/div.ts',
    find: 'needs[1] ? neg(mul(da, div(x!, y))) : null',
    replace: 'needs[1] ? neg(neg(mul(da, div(x!, y)))) : null',
    tests: arithmetic,
  },
  {
    name: 'square has slope x',
    file: 'src/autograd/square.ts',
    find: 'mul(mul(dy, 2), x)',
    replace: 'mul(dy, x)',
    tests: arithmetic,
  },
  {
    name: 'rsqrt has slope y^2 / 2',
    file: 'src/autograd/rsqrt.ts',
    find: 'mul(mul(y, y), y)',
    replace: 'mul(y, y)',
    tests: arithmetic,
  },
  {
    name: 'variance is a difference of squares',
    file: 'src/autograd/variance.ts',
    find: 'return div(sum(square(centred), { ...reduce, keepDims }), unbiased ? count - 1 : count);',
    replace: `void centred;
  const difference = sub(sum(square(x), { ...reduce, keepDims }), mul(square(mean(x, { ...reduce, keepDims })), count));
  return div(difference, unbiased ? count - 1 : count);
}
function mul(x: Tensor, by: number): Tensor {
  return div(x, 1 / by);`,
    tests: reductions,
    note: 'cancels when the mean is large',
  },
  {
    name: 'variance exchanges biased and unbiased',
    file: 'src/autograd/variance.ts',
    find: 'unbiased ? count - 1 : count',
    replace: 'unbiased ? count : count - 1',
    tests: reductions,
  },
  {
    name: 'mean divides by the size of the whole tensor',
    file: 'src/autograd/mean.ts',
    find: 'return div(sum(x, options), count);',
    replace: 'return div(sum(x, options), count * 0 + x.data.length);',
    tests: reductions,
  },
  {
    name: 'the gradient of a broadcast takes one element in place of the sum',
    file: 'src/autograd/broadcast-to.ts',
    find: 'pullback: (dy, { shape }) => [sumTo(dy, shape)],',
    replace: 'pullback: (dy, { shape }) => [new Tensor(dy.data.slice(0, shape.reduce((n, extent) => n * extent, 1)), shape), void sumTo] as never,',
    tests: arithmetic,
  },
  {
    name: 'the gradient of a sum is divided by the number of elements',
    file: 'src/autograd/sum.ts',
    find: 'pullback: (dy, { shape }) => [broadcastTo(dy, shape)],',
    replace: `pullback: (dy, { shape }) => {
    const out = broadcastTo(dy, shape);
    const scale = dy.data.length / Math.max(1, out.data.length);
    return [scale === 1 ? out : new Tensor(out.data.map((v) => v * scale), shape)];
  },`,
    tests: reductions,
  },
  {
    name: 'reshape copies its memory',
    file: 'src/autograd/reshape.ts',
    find: 'new Tensor(x.data, wanted, false, x.storage)',
    replace: 'new Tensor(x.data.slice(), wanted)',
    tests: ['autograd/moves', ...graph],
  },
  {
    name: 'reshape over the same memory does not share the count of writes',
    file: 'src/autograd/reshape.ts',
    find: 'new Tensor(x.data, wanted, false, x.storage)',
    replace: 'new Tensor(x.data, wanted)',
    tests: ['autograd/moves', ...graph],
    note: 'a write through the other name goes unnoticed',
  },
  {
    name: 'operands of different dtypes are mixed',
    file: 'src/autograd/operands.ts',
    find: 'if (x.dtype !== y.dtype) {',
    replace: 'if (false) {',
    tests: arithmetic,
  },
  {
    name: 'a number beside a float64 tensor is rounded to float32',
    file: 'src/autograd/operands.ts',
    find: 'if (typeof y === \'number\') y = full([], y, { dtype: x.dtype });',
    replace: 'if (typeof y === \'number\') y = full([], Math.fround(y), { dtype: x.dtype });',
    tests: arithmetic,
  },
  // reverse mode
  {
    name: 'grad is overwritten in place of accumulated',
    file: 'src/autograd/backward.ts',
    find: 'if (leaf.grad) leaf.grad = add(leaf.grad, value);\n      else leaf.grad',
    replace: 'leaf.grad',
    tests: graph,
  },
  {
    name: 'a tensor that is used twice gets one gradient',
    file: 'src/autograd/backward.ts',
    find: 'into.set(edge, merge(into.get(edge), gradient, createGraph));',
    replace: 'into.set(edge, gradient);',
    tests: graph,
  },
  {
    name: 'an intermediate result that is used twice gets one gradient',
    file: 'src/autograd/backward.ts',
    find: 'slot[edge.index] = merge(slot[edge.index], gradient, createGraph);',
    replace: 'slot[edge.index] = gradient;',
    tests: graph,
  },
  {
    name: 'backward writes into the cotangent',
    file: 'src/autograd/backward.ts',
    find: 'const target = before.owned ? before : { value: copy(before.value), owned: true };',
    replace: 'const target = before;\n  void copy;',
    tests: graph,
    note: 'f(x, x) adds the second gradient into the memory of the first, which belongs to the caller',
  },
  {
    name: 'a leaf keeps the very memory of the cotangent',
    file: 'src/autograd/backward.ts',
    find: 'else leaf.grad = owned ? value : clone(value);',
    replace: 'else leaf.grad = owned ? value : value;',
    tests: graph,
  },
  {
    name: 'two gradients share memory',
    file: 'src/autograd/backward.ts',
    find: 'if (holder) holder.owned = false;\n    const gradient: Gradient = { value, owned: fresh && !holder };',
    replace: 'const gradient: Gradient = { value, owned: fresh };\n    void holder;',
    tests: graph,
  },
  {
    name: 'a freed graph is not refused',
    file: 'src/autograd/backward.ts',
    find: 'if (!node.saved) {',
    replace: 'if (false) {',
    tests: graph,
  },
  {
    name: 'the graph is not freed',
    file: 'src/autograd/backward.ts',
    find: 'if (!retainGraph) {',
    replace: 'if (false) {',
    tests: graph,
  },
  {
    name: 'overwritten values are not noticed',
    file: 'src/autograd/backward.ts',
    find: 'if (storage.version !== version) {',
    replace: 'if (false) {',
    tests: graph,
  },
  {
    name: 'nodes are visited oldest first',
    file: 'src/autograd/backward.ts',
    find: 'sort((a, b) => b.id - a.id)',
    replace: 'sort((a, b) => a.id - b.id)',
    tests: graph,
  },
  {
    name: 'a cotangent of another shape is accepted',
    file: 'src/autograd/backward.ts',
    find: 'if (!sameShape(dy.shape, y.shape) || dy.dtype !== y.dtype) {',
    replace: 'if (dy.dtype !== y.dtype) {',
    tests: graph,
  },
  {
    name: 'the seed is 1 / 2',
    file: 'src/autograd/backward.ts',
    find: 'return full(y.shape, 1, { dtype: y.dtype });',
    replace: 'return full(y.shape, 0.5, { dtype: y.dtype });',
    tests: graph,
  },
  {
    name: 'higher derivatives are not recorded',
    file: 'src/autograd/backward.ts',
    find: '  withRecording(createGraph, () => {\n    for (const { edge',
    replace: '  withRecording(false, () => {\n    for (const { edge',
    tests: graph,
  },
  {
    name: 'a second derivative goes through the plain loops of a fused operation',
    file: 'src/autograd/backward.ts',
    find: 'createGraph && op.definition\n',
    replace: 'false && op.definition\n',
    tests: graph,
  },
  {
    name: 'noGrad records',
    file: 'src/autograd/record.ts',
    find: 'return withRecording(false, body);',
    replace: 'return body();',
    tests: graph,
  },
  {
    name: 'the switch of noGrad is not restored after an error',
    file: 'src/autograd/record.ts',
    find: `  recording = on;
  try {
    return body();
  } finally {
    recording = before;
  }`,
    replace: `  recording = on;
  const out = body();
  recording = before;
  return out;`,
    tests: graph,
  },
  {
    name: 'detach keeps the history',
    file: 'src/autograd/record.ts',
    find: 'return new Tensor(x.data, x.shape, false, x.storage);',
    replace: 'return x;',
    tests: graph,
  },
  {
    name: 'perturbation leaves results as they are',
    file: 'src/autograd/record.ts',
    find: 'perturbation(output.data);',
    replace: 'void output;',
    tests: graph,
  },
  {
    name: 'savedBytes counts a shared array twice',
    file: 'src/autograd/saved-bytes.ts',
    find: 'counted.add(buffer);\n    bytes',
    replace: 'bytes',
    tests: graph,
  },
  {
    name: 'savedBytes does not look into plain objects',
    file: 'src/autograd/record.ts',
    find: 'Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype',
    replace: 'Array.isArray(value)',
    tests: graph,
  },
];
