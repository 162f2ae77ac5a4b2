/** Mistakes in a norm that finds its input from its output. */
import type { Mutant } from './mutant.ts';

const backward = 'src/norms/_from-output.ts';
const activations = 'src/norms/_invertible.ts';
const norm = 'src/norms/in-place-abn.ts';
const tests = ['norms/vectors', 'norms/in-place-abn'];

/** How the first of the two loops over the elements ends: the lines before are those of the second, too. */
const endOfFirst = `        }
      }
      total += g;`;

const planted: readonly Omit<Mutant, 'norm'>[] = [
  {
    name: 'in-place ABN: the mean of g is dropped from the gradient of x',
    file: backward,
    find: 'const mean = means[c]!;',
    replace: 'const mean = 0;',
    tests,
  },
  {
    name: 'in-place ABN: the part along xHat is dropped from the gradient of x',
    file: backward,
    find: 'const around = own ?',
    replace: 'const around = own && dx.data.length < 0 ?',
    tests,
  },
  {
    name: 'in-place ABN: the means are divided by the count less 1',
    file: backward,
    find: 'const count = values.length / channels;',
    replace: 'const count = values.length / channels - 1;',
    tests,
  },
  {
    name: 'in-place ABN: the mean of g is subtracted in evaluation',
    file: backward,
    find: '(own ? total / count : 0)',
    replace: 'total / count',
    tests,
  },
  {
    name: 'in-place ABN: the part along xHat is subtracted in evaluation',
    file: backward,
    find: 'const around = own ? (y - shift) * part : 0;',
    replace: 'const around = (y - shift) * part;',
    tests,
  },
  {
    name: 'in-place ABN: the gradient of the deviation is forgotten in higher derivatives',
    file: norm,
    find: 'return [own ? add(dx,',
    replace: 'return [!own ? add(dx,',
    tests: [...tests, 'norms/gradcheck'],
  },
  {
    name: 'in-place ABN: xHat is a constant in higher derivatives',
    file: norm,
    find: 'if (own) recordAll(standardizedOp, [x], both, [xHat, std]);',
    replace: 'if (own) recordAll(standardizedOp, [detach(x)], both, [xHat, std]);',
    tests: [...tests, 'norms/gradcheck'],
  },
  {
    name: 'in-place ABN: a kept y is a constant in higher derivatives',
    file: norm,
    find: 'slopes(scaleAndShift(xHat, scale, shift), shape, true)',
    replace: 'slopes(kept, shape, true)',
    tests: [...tests, 'norms/gradcheck'],
  },
  {
    name: 'in-place ABN: the bias stays in what is taken for xHat',
    file: backward,
    find: 'along += g * (y - shift);',
    replace: 'along += g * y;',
    tests,
  },
  {
    name: 'in-place ABN: the gradient of the weight is of y less bias, not of xHat',
    file: backward,
    find: 'dScale[c]! += along / scales[c]!;',
    replace: 'dScale[c]! += along;',
    tests,
  },
  {
    name: 'in-place ABN: z is taken for y in the gradient of x',
    file: backward,
    find: 'const around = own ? (y - shift)',
    replace: 'const around = own ? (values[i]! - shift)',
    tests,
  },
  {
    name: 'in-place ABN: the gradient of a negative weight has the sign of a positive one',
    file: backward,
    find: '(weight.data[c]! < 0 ? -d : d)',
    replace: 'd',
    tests,
  },
  {
    name: 'in-place ABN: a weight of 0 has the gradient of a negative one',
    file: backward,
    find: '(weight.data[c]! < 0 ? -d : d)',
    replace: '(weight.data[c]! <= 0 ? -d : d)',
    tests,
  },
  {
    name: 'in-place ABN: the weight keeps its sign',
    file: backward,
    find: 'Math.abs(w) + eps',
    replace: 'w + eps',
    tests,
    note: 'what the layer of the authors that is not in place does',
  },
  {
    name: 'in-place ABN: eps is not added to the weight',
    file: backward,
    find: 'Math.abs(w) + eps',
    replace: 'Math.abs(w)',
    tests,
  },
  {
    name: 'in-place ABN: only the last sample counts in the gradient of the bias',
    file: backward,
    find: 'dBias[c]! += total;',
    replace: 'dBias[c] = total;',
    tests,
  },
  {
    name: 'in-place ABN: the variance is kept and taken for the deviation',
    file: norm,
    find: 'rstd.map((r) => 1 / r)',
    replace: 'rstd.map((r) => 1 / (r * r))',
    tests,
  },
  {
    name: 'in-place ABN: a copy of the output is kept, not the output',
    file: norm,
    find: 'kept: y ?? z,',
    replace: 'kept: y ?? new Tensor(z.data.slice(), z.shape),',
    tests,
  },
  {
    name: 'in-place ABN: the output is kept without its history',
    file: norm,
    find: 'kept: y ?? z,',
    replace: 'kept: y ?? detach(z),',
    tests: [...tests, 'norms/gradcheck'],
  },
  {
    name: 'in-place ABN: x is kept beside the output',
    file: norm,
    find: 'return record(op, inputs, { ...saved, kept',
    replace: 'return record(op, inputs, { ...saved, inputs, kept',
    tests,
  },
  {
    name: 'in-place ABN: what is written over x is not counted as a write',
    file: norm,
    find: '  if (inPlace) touch(z);\n',
    replace: '',
    tests,
  },
  {
    name: 'in-place ABN: the output has the array of x, but counts writes for itself',
    file: norm,
    find: 'const z = inPlace ? detach(x) : like(x);',
    replace: 'const z = inPlace ? new Tensor(x.data, x.shape) : like(x);',
    tests,
  },
  {
    name: 'in-place ABN: inPlace is ignored',
    file: norm,
    find: 'const z = inPlace ? detach(x) : like(x);',
    replace: 'const z = like(x);',
    tests,
  },
  {
    name: 'in-place ABN: a leaf is written over',
    file: norm,
    find: 'if (origin?.storage === x.storage) {',
    replace: 'if (origin?.storage === x.storage && !x.requiresGrad) {',
    tests,
  },
  {
    name: 'in-place ABN: a reshaped leaf is written over',
    file: norm,
    find: 'op.exact && inputs.length === 1 ?',
    replace: '!op.exact && inputs.length === 1 ?',
    tests,
  },
  {
    name: 'in-place ABN: a parameter is written over',
    file: norm,
    find: 'other?.data.buffer === x.data.buffer',
    replace: 'other?.data === x.data',
    tests,
  },
  {
    name: 'in-place ABN: y is never kept',
    file: activations,
    find: 'if (y[i]! < least) return true;',
    replace: 'if (y[i]! < least) return false;',
    tests,
  },
  {
    name: 'in-place ABN: float32 keeps y only where float64 has to',
    file: activations,
    find: 'y instanceof Float32Array ? -8 : -25',
    replace: '-25',
    tests,
  },
  {
    name: 'in-place ABN: z is kept for y',
    file: norm,
    find: '  bend(z.data, shape);\n',
    replace: '  bend(z.data, shape);\n  lost?.data.set(z.data);\n',
    tests,
  },
  {
    name: 'in-place ABN: a kept y has the slope that z would have',
    file: backward,
    find: `          g *= below * Math.exp(y);
        } else {
          g *= below + y;
          y = Math.log1p(y / below);
${endOfFirst}`,
    replace: `          g *= below + y;
        } else {
          g *= below + y;
          y = Math.log1p(y / below);
${endOfFirst}`,
    tests,
  },
  {
    name: 'in-place ABN: the slope of elu is taken of z as if it were y',
    file: backward,
    find: `          g *= below + y;
          y = Math.log1p(y / below);
${endOfFirst}`,
    replace: `          g *= below * Math.exp(y);
          y = Math.log1p(y / below);
${endOfFirst}`,
    tests,
  },
  {
    name: 'in-place ABN: elu is undone without its factor',
    file: backward,
    find: `          y = Math.log1p(y / below);
${endOfFirst}`,
    replace: `          y = Math.log1p(y);
${endOfFirst}`,
    tests,
  },
  {
    name: 'in-place ABN: the slope at 0 is that below 0',
    file: backward,
    find: `    let along = 0;
    for (let i = start; i < start + inner; i++) {
      let y = values[i]!;
      let g = gradient[i]!;
      if (y < 0) {`,
    replace: `    let along = 0;
    for (let i = start; i < start + inner; i++) {
      let y = values[i]!;
      let g = gradient[i]!;
      if (y <= 0) {`,
    tests,
  },
  {
    name: 'in-place ABN: a slope of 0 is let through',
    file: activations,
    find: 'activationParam > 0 && activationParam < Infinity',
    replace: 'activationParam >= 0 && activationParam < Infinity',
    tests,
  },
  {
    name: 'in-place ABN: a weight of 0 without eps is let through',
    file: norm,
    find: 'weight && call.eps === 0 ?',
    replace: 'weight && call.eps < 0 ?',
    tests,
  },
];

export const mutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, norm: 'in-place-abn' }));
