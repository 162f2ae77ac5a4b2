/** Mistakes in conditional instance norm, and in the labels and slices that it shares with its relatives. */
import type { Mutant } from './mutant.ts';

const norm = 'conditional-instance';
const file = 'src/norms/conditional-instance.ts';
const own = ['norms/conditional-instance'];
const all = ['norms/fused', 'norms/vectors', 'norms/conditional-instance'];

export const mutants: readonly Mutant[] = [
  {
    name: 'conditional-instance: scale and shift are exchanged',
    file,
    find: 'const inputs = [x, broadcastTo(chosen(weight), shape), broadcastTo(chosen(bias), shape)] as const;',
    replace: 'const inputs = [x, broadcastTo(chosen(bias), shape), broadcastTo(chosen(weight), shape)] as const;',
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: the statistics are those of the batch',
    file,
    find: 'const { mean, variance } = moments(x.data, view);',
    replace: `const perChannel = moments(x.data, { outer: x.shape[0]!, channel: x.shape[1]!, inner: view.inner });
  const repeated = (values: Float64Array): Float64Array => Float64Array.from({ length: view.channel }, (_, i) => values[i % values.length]!);
  const mean = repeated(perChannel.mean), variance = repeated(perChannel.variance);`,
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: the derivative holds the statistics',
    file,
    find: 'affine: view, own: true, eps };',
    replace: 'affine: view, own: false, eps };',
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: all samples have the style of the first',
    file,
    find: 'chosen: (table) => take(table, labels)',
    replace: 'chosen: (table) => take(table, labels.map(() => labels[0]!))',
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: the weights of the styles are normalized',
    file,
    find: 'matmul(shared ? reshape(style, [1, numStyles]) : style, table)',
    replace:
      'matmul(shared ? reshape(mul(style, 1 / style.data.reduce((a: number, b: number) => a + b, 0)), [1, numStyles]) : style, table)',
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: no gradient flows to the weights of the styles',
    file,
    find: 'matmul(shared ? reshape(style, [1, numStyles]) : style, table)',
    replace: 'matmul(new Tensor(style.data, shared ? [1, numStyles] : style.shape), table)',
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: no gradient flows to the tables',
    file,
    find: 'chosen: (table) => take(table, labels)',
    replace: 'chosen: (table) => take(new Tensor(table.data, table.shape), labels)',
    tests: all,
    norm,
  },
  {
    name: 'conditional-instance: the second derivative is that without eps',
    file,
    find: 'affineDefinition(x!, scale!, shift!, eps)',
    replace: 'affineDefinition(x!, scale!, shift!, 0 * eps)',
    tests: own,
    note: 'gradcheck of second derivatives compares the definition with itself',
    norm,
  },
  {
    name: 'conditional-instance: eps 0 is taken for the default',
    file,
    find: "  { conditioning = 'select', eps = 1e-5 }: ConditionalInstanceNormOptions,\n): {",
    replace: "  { conditioning = 'select', eps: asked = 1e-5 }: ConditionalInstanceNormOptions,\n  eps = asked || 1e-5,\n): {",
    tests: own,
    norm,
  },
  {
    name: 'conditional-instance: an instance of one value is let through',
    file,
    find: 'if (spatialSize(x) < 2) {',
    replace: 'if (spatialSize(x) < 1) {',
    tests: own,
    norm,
  },
  {
    name: 'conditional-instance: the definition takes the unbiased variance',
    file,
    find: 'const v = variance(x, { axis, keepDims: true });',
    replace: 'const v = variance(x, { axis, keepDims: true, unbiased: true });',
    tests: all,
    norm,
  },
  {
    name: 'labels: negative ones count from the back',
    file: 'src/norms/_labels.ts',
    find: 'label < 0 || label >= count',
    replace: 'label < -count || label >= count',
    tests: own,
    norm,
  },
  {
    name: 'labels: one too large is let through',
    file: 'src/norms/_labels.ts',
    find: 'label >= count',
    replace: 'label > count',
    tests: own,
    norm,
  },
  {
    name: 'labels: fractions are let through',
    file: 'src/norms/_labels.ts',
    find: '!Number.isInteger(label) || ',
    replace: '',
    tests: own,
    norm,
  },
  {
    name: 'labels: fewer than samples are let through',
    file: 'src/norms/_labels.ts',
    find: 'shape.length !== 1 || shape[0] !== samples',
    replace: 'shape.length !== 1 || shape[0]! > samples',
    tests: own,
    norm,
  },
  {
    name: 'per sample: the channels of the samples are one',
    file: 'src/norms/_per-sample.ts',
    find: 'channel: x.shape[0]! * x.shape[1]!',
    replace: 'channel: x.shape[1]!',
    tests: all,
    norm,
  },
];
