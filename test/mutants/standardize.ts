/** Mistakes in the forward of the standardize family. */
import type { Mutant } from './mutant.ts';

export const mutants: readonly Mutant[] = [
  {
    name: 'the bias is dropped',
    file: 'src/norms/_standardize.ts',
    find: 'const b = bias ? bias.data : allocate(x.dtype, affine.channel);',
    replace: 'const b = allocate(x.dtype, affine.channel);',
    tests: ['norms/fused', 'norms/vectors'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the weight is dropped',
    file: 'src/norms/_standardize.ts',
    find: `const w = weight ? weight.data : allocate(x.dtype, affine.channel).fill(1);
  const b`,
    replace: `const w = allocate(x.dtype, affine.channel).fill(1);
  const b`,
    tests: ['norms/fused', 'norms/vectors'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the bias is that of the neighbour channel',
    file: 'src/norms/_standardize.ts',
    find: 'const shift = b[a]!;',
    replace: 'const shift = b[(a + 1) % affine.channel]!;',
    tests: ['norms/fused', 'norms/vectors'],
    norm: 'batch,layer,group',
  },
  {
    name: 'x is scaled before the mean is subtracted, which cancels at large means',
    file: 'src/norms/_standardize.ts',
    find: 'for (let i = start; i < end; i++) y[i] = (data[i]! - mu) * scale + shift;',
    replace: 'for (let i = start; i < end; i++) y[i] = Math.fround(data[i]! * scale) + Math.fround(shift - mu * scale);',
    tests: ['norms/fused', 'norms/vectors'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the variance is the difference of mean square and squared mean',
    mistake: 'mean-square-minus-squared-mean',
    file: 'src/norms/_moments.ts',
    find: `squares += aa + bb + (cc + dd);
    }
    off /= count;`,
    replace: `squares += aa + bb + (cc + dd);
    }
    squares = 0;
    for (let o = 0; o < outer; o++) for (let i = (o * channel + c) * inner; i < (o * channel + c + 1) * inner; i++) squares += Math.fround(x[i]! * x[i]!);
    squares -= count * first * first;
    off /= count;`,
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the variance is unbiased',
    file: 'src/norms/_moments.ts',
    find: 'variance[c] = Math.max(0, squares / count - off * off);',
    replace: 'variance[c] = Math.max(0, squares / (count - 1) - off * off);',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the variance of columns is unbiased',
    file: 'src/norms/_moments.ts',
    find: 'variance[c] = Math.max(0, variance[c]! / outer - shift * shift);',
    replace: 'variance[c] = Math.max(0, variance[c]! / (outer - 1) - shift * shift);',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'eps stands outside the root',
    mistake: 'eps-outside-root',
    file: 'src/norms/_moments.ts',
    find: '1 / Math.sqrt(variance[c]! + eps)',
    replace: '1 / (Math.sqrt(variance[c]!) + eps)',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'eps is dropped',
    mistake: 'eps-dropped',
    file: 'src/norms/_moments.ts',
    find: '1 / Math.sqrt(variance[c]! + eps)',
    replace: '1 / Math.sqrt(variance[c]!)',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'eps counts twice',
    mistake: 'eps-doubled',
    file: 'src/norms/_moments.ts',
    find: '1 / Math.sqrt(variance[c]! + eps)',
    replace: '1 / Math.sqrt(variance[c]! + 2 * eps)',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'eps is squared',
    mistake: 'eps-squared',
    file: 'src/norms/_moments.ts',
    find: '1 / Math.sqrt(variance[c]! + eps)',
    replace: '1 / Math.sqrt(variance[c]! + eps * eps)',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the mean is kept in float32',
    file: 'src/norms/_moments.ts',
    find: 'mean[c] = first + off;',
    replace: 'mean[c] = Math.fround(first + off);',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the first pass is not corrected, so that a constant slice is not exactly 0',
    file: 'src/norms/_moments.ts',
    find: 'mean[c] = first + off;',
    replace: 'mean[c] = first;',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the sum skips the tail of a run',
    file: 'src/norms/_moments.ts',
    find: 'for (; i < end; i++) a += x[i]!;',
    replace: 'for (; i < end - 1; i++) a += x[i]!;',
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'the squares skip the last element of a run',
    file: 'src/norms/_moments.ts',
    find: `      for (; i < start + inner; i++) {
        const p`,
    replace: `      for (; i < start + inner - 1; i++) {
        const p`,
    tests: ['norms/fused', 'norms/vectors', 'norms/batch', 'norms/layer'],
    norm: 'batch,layer,group',
  },
  {
    name: 'batch: higher derivatives are taken with the usual eps',
    file: 'src/norms/batch.ts',
    find: 'batchNormDefinition(x!, weight, bias, null, { eps: saved.eps })',
    replace: 'batchNormDefinition(x!, weight, bias, null)',
    tests: ['norms/gradcheck'],
    norm: 'batch',
    note: 'the second derivative alone is consistent with itself: only a comparison with the plain gradient shows it',
  },
];
