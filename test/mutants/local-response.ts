/** Mistakes in local response norm: its window, its scale, its backward. */
import type { Mutant } from './mutant.ts';

const tests = ['norms/fused', 'norms/vectors', 'norms/local-response', 'norms/_window-sum'];
const file = 'src/norms/local-response.ts';
const window = 'src/norms/_window-sum.ts';
const norm = 'local-response';

export const mutants: readonly Mutant[] = [
  {
    name: 'local-response: an even window is shifted by one, as ONNX has it',
    mistake: 'even-window-shifted',
    file,
    find: 'before: Math.floor(size / 2), after: Math.floor((size - 1) / 2)',
    replace: 'before: Math.floor((size - 1) / 2), after: Math.floor(size / 2)',
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
    note: 'definition and fused form shift together: only references and examples see it',
  },
  {
    name: 'local-response: the window is one too wide',
    file,
    find: 'after: Math.floor((size - 1) / 2)',
    replace: 'after: Math.floor(size / 2)',
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
  },
  {
    name: 'local-response: alpha is not divided by the size',
    mistake: 'alpha-not-divided',
    file,
    find: 'divideBySize ? alpha / size ** axes.length : alpha',
    replace: 'alpha',
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
  },
  {
    name: 'local-response: within a channel alpha is divided by the size once',
    mistake: 'alpha-divided-once',
    file,
    find: 'alpha / size ** axes.length',
    replace: 'alpha / size',
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
  },
  {
    name: 'local-response: alpha is divided by the part of the window that is inside the axis at most',
    file,
    find: 'alpha / size ** axes.length',
    replace: 'alpha / Math.min(size, x.shape[1]!) ** axes.length',
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
  },
  {
    name: 'local-response: k is left out within channels, as in Caffe',
    file,
    find: 'beta, k, normRegion, divideBySize } = checkOptions(caller, options);',
    replace:
      'beta, k: given, normRegion, divideBySize } = checkOptions(caller, options);\n' +
      "  const k = normRegion === 'withinChannel' ? 1 : given;",
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
  },
  {
    name: 'local-response: the cross-channel term is missing in the backward',
    mistake: 'cross-channel-term-missing',
    file,
    find: 'dx.data[i] = dy.data[i]! * inversePower(s[i]!, beta) - scale * x.data[i]! * shares[i]!;',
    replace: 'dx.data[i] = dy.data[i]! * inversePower(s[i]!, beta);',
    tests,
    norm,
  },
  {
    name: 'local-response: in the backward only the own position has a share',
    file,
    find: 'windowSums(shares, window.grid, window.axes, window.after, window.before);',
    replace: '',
    tests,
    norm,
  },
  {
    name: 'local-response: the backward sums over the window of the forward',
    file,
    find: 'windowSums(shares, window.grid, window.axes, window.after, window.before);',
    replace: 'windowSums(shares, window.grid, window.axes, window.before, window.after);',
    tests,
    norm,
    note: 'the same for odd sizes',
  },
  {
    name: 'local-response: the factor 2 of the derivative of the square is missing',
    mistake: 'cross-channel-term-halved',
    file,
    find: 'const scale = 2 * a * beta;',
    replace: 'const scale = a * beta;',
    tests,
    norm,
  },
  {
    name: 'local-response: the factor beta is missing in the backward',
    file,
    find: 'const scale = 2 * a * beta;',
    replace: 'const scale = 2 * a;',
    tests,
    norm,
  },
  {
    name: 'local-response: the backward scales by alpha, not by alpha over the size',
    file,
    find: 'pullback(dy, { inputs: [x], s, window, a, beta }) {',
    replace: 'pullback(dy, { inputs: [x], s, window, beta, options: { alpha: a = 1e-4 } }) {',
    tests,
    norm,
  },
  {
    name: 'local-response: the shares are not divided by s',
    file,
    find: '(dy.data[i]! * x.data[i]! * inversePower(s[i]!, beta)) / s[i]!',
    replace: 'dy.data[i]! * x.data[i]! * inversePower(s[i]!, beta)',
    tests,
    norm,
  },
  {
    name: 'local-response: the cross-channel term has the other sign',
    mistake: 'cross-channel-term-sign',
    file,
    find: 'dx.data[i] = dy.data[i]! * inversePower(s[i]!, beta) - scale',
    replace: 'dx.data[i] = dy.data[i]! * inversePower(s[i]!, beta) + scale',
    tests,
    norm,
  },
  {
    name: 'local-response: beta counts as 3/4 for 1/2',
    file,
    find: 'return beta === 0.5 ? 1 / Math.sqrt(s)',
    replace: 'return beta === 0.5 ? 1 / Math.sqrt(s * Math.sqrt(s))',
    tests,
    norm,
  },
  {
    name: 'local-response: the window lies in the spatial axes of all channels at once',
    file,
    find: '[samples * channels, ...spatial]',
    replace: '[samples, channels * spatial[0]!, ...spatial.slice(1)]',
    tests: ['norms/vectors', 'norms/local-response'],
    norm,
  },
  {
    name: 'local-response: k of 0 is let through',
    file,
    find: 'if (!(Number.isFinite(k) && k > 0))',
    replace: 'if (!(Number.isFinite(k) && k >= 0))',
    tests: ['norms/local-response'],
    norm,
  },
  {
    name: 'local-response: beta of 0 is taken for the default',
    file,
    find: '  checkCount(caller, \'size\', size);',
    replace: '  if (beta === 0) return checkOptions(caller, { ...options, beta: 0.75 });\n  checkCount(caller, \'size\', size);',
    tests: ['norms/local-response'],
    norm,
  },
  {
    name: 'window sums: a running sum takes the place of the blocks',
    file: window,
    find: '    combine(slice, fromStart, toEnd, count, inner, lead, trail);',
    replace: `    const given = slice.slice();
    for (let i = 0; i < inner; i++) {
      let total = 0;
      for (let row = 0; row < Math.min(trail, count); row++) total += given[row * inner + i]!;
      for (let row = 0; row < count; row++) {
        if (row + trail < count) total += given[(row + trail) * inner + i]!;
        if (row - lead > 0) total -= given[(row - lead - 1) * inner + i]!;
        slice[row * inner + i] = total;
      }
    }
    if (count < 0) combine(slice, fromStart, toEnd, count, inner, lead, trail);`,
    tests: ['norms/local-response', 'norms/_window-sum'],
    norm,
    note: 'right on paper: wrong after a huge or a non-finite value',
  },
  {
    name: 'window sums: the first element never leaves the window',
    file: window,
    find: 'out[i] = toEnd[i - back]! + fromStart[i + ahead]!;',
    replace: 'out[i] = toEnd[i - back]! + fromStart[i + ahead]! + (i >= back + inner ? fromStart[i % inner]! : 0);',
    tests,
    norm,
    note: 'what torch.nn.CrossMapLRN2d does',
  },
  {
    name: 'window sums: a window that is a whole block counts it twice',
    file: window,
    find: '  for (let i = start; i < start + inner; i++) toEnd[i] = 0;\n',
    replace: '  for (let i = start; i < start + inner && end - start > inner; i++) toEnd[i] = toEnd[i + inner]! + data[i]!;\n',
    tests,
    norm,
  },
  {
    name: 'window sums: at the back the beginning of the last block is left out',
    file: window,
    find: 'const reaches = row - lead <= lastBlock;',
    replace: 'const reaches = row - lead < lastBlock;',
    tests,
    norm,
  },
  {
    name: 'window sums: at the front the window is taken to fit the axis',
    file: window,
    find: 'const from = Math.min(row + trail, last) * inner;',
    replace: 'const from = (row + trail) * inner;',
    tests,
    norm,
  },
];
