/** The norms of the catalogue, fused against their definitions and against a copy of the same elements. */
import { copyCase, geometricMean, measure, shown, table } from './harness.js';

/** Shapes by the kind of axes that a norm's drafts name: [N, C, ...S], [...L, ...D], those of a weight, or of a layer. */
const full = {
  image: [
    { N: 32, C: 64, S0: 28, S1: 28 },
    { N: 8, C: 256, S0: 14, S1: 14 },
  ],
  sequence: [
    { L0: 64, L1: 128, D0: 768 },
    { L0: 4096, D0: 256 },
  ],
  filters: [{ O: 256, I: 256, S0: 3, S1: 3 }],
  matrix: [{ D0: 512, D1: 512 }],
  replicas: [{ N0: 16, N1: 16, C: 64, S0: 28, S1: 28 }],
  layer: [{ N: 16, O: 128, I: 128, H: 14, W: 14, S0: 3, S1: 3 }],
};
const quick = {
  image: [{ N: 8, C: 32, S0: 14, S1: 14 }],
  sequence: [{ L0: 256, D0: 256 }],
  filters: [{ O: 64, I: 64, S0: 3, S1: 3 }],
  matrix: [{ D0: 64, D1: 64 }],
  replicas: [{ N0: 4, N1: 4, C: 32, S0: 14, S1: 14 }],
  layer: [{ N: 4, O: 32, I: 32, H: 14, W: 14, S0: 3, S1: 3 }],
};

/** Options other than the usual ones that the chooser below finds. */
const options = {
  group: { numGroups: 32 },
  instance: { affine: true },
  'instance-level-meta': { numGroups: 32, keyGroupSize: 16 },
};

/** Extents that follow from others. */
const following = {
  'instance-level-meta': ({ C }) => ({ K: C / 16 }),
};

/** Chooses what is usual: eps and momentum as everybody has them, else the first. */
const usual = {
  integer: (low, high) => Math.min(high, Math.max(low, 2)),
  oneOf: (list) => list.find((value) => value === 1e-5 || value === 0.1) ?? list[0],
};

/** Which shapes belong to these axes. */
function kindOf(axes) {
  if (axes.includes('N0')) return 'replicas';
  if (axes.includes('N')) return axes.includes('C') ? 'image' : 'layer';
  if (axes.includes('O')) return 'filters';
  return axes.some((axis) => axis.startsWith('L')) || axes.length === 1 ? 'sequence' : 'matrix';
}

/** The cases of a norm: one for each shape that its plan accepts. */
function plansOf(entry, shapes) {
  const draft = entry.draw(usual);
  return shapes[kindOf(Object.keys(draft.sizes))].flatMap((wanted) => {
    const kept = Object.fromEntries(Object.entries(draft.sizes).filter(([axis]) => !/^[NCOISLDHW]\d*$/.test(axis)));
    const sizes = { ...wanted, ...kept, ...following[entry.slug]?.(wanted) };
    const plan = entry.plan({ sizes, options: { ...draft.options, ...options[entry.slug] } });
    return plan ? [{ plan, sizes }] : [];
  });
}

/** The tensors of a call, as a trained network would have them. */
function callOf(entry, { plan, sizes }, { Random, normal, uniform, full: filled }) {
  const random = new Random(1);
  const shapeOf = ({ axes }) => axes.map((axis) => sizes[axis] ?? Number(axis));
  const make = (tensors, requiresGrad) =>
    Object.fromEntries(
      Object.entries(tensors).map(([name, part]) => {
        const wants = requiresGrad && !entry.constants?.includes(name);
        const shape = shapeOf(part);
        const constant = { zero: 0, one: 1, 'minus one': -1, index: 0 }[part.filling];
        if (constant !== undefined) return [name, filled(shape, constant)];
        if (part.filling === 'positive') return [name, uniform(random, shape, 0.5, 2, { requiresGrad: wants })];
        return [name, normal(random, shape, 0, 1, { requiresGrad: wants })];
      }),
    );
  const call = {
    config: plan.config,
    params: make(plan.params, true),
    state: make(plan.state, false),
    inputs: make(plan.inputs, true),
    mode: plan.modes[0],
  };
  const leaves = [...Object.values(call.inputs), ...Object.values(call.params)].filter((x) => x.requiresGrad);
  const main = call.inputs.x ?? Object.values(call.inputs)[0] ?? Object.values(call.params)[0];
  return { call, leaves, elements: main.data.length, label: `[${main.shape.join(', ')}]` };
}

/** Nanoseconds per element of one norm at one shape, or the reason why there are none. */
function measureOne(entry, planned, library, timing) {
  const { backward, grad, noGrad, normal, Random } = library;
  const { call, leaves, elements, label } = callOf(entry, planned, library);
  const outputs = Object.values(noGrad(() => entry.apply('fused', call)));
  const dys = outputs.map((y, i) => normal(new Random(i + 2), y.shape));
  const both = (form) => () => {
    const ys = Object.values(entry.apply(form, call));
    if (ys.length > 1) return grad(ys, leaves, { gradOutputs: dys, allowUnused: true });
    backward(ys[0], dys[0]);
    for (const leaf of leaves) leaf.grad = null;
  };
  const times = measure(
    [
      copyCase(elements),
      { name: 'fused', elements, run: () => noGrad(() => entry.apply('fused', call)) },
      { name: 'definition', elements, run: () => noGrad(() => entry.apply('definition', call)) },
      { name: 'fused both', elements, run: both('fused') },
      { name: 'definition both', elements, run: both('definition') },
    ],
    timing,
  );
  return { label, ns: Object.fromEntries([...times].map(([name, { median }]) => [name, median])) };
}

/** Measures all entries whose slug is among the filters (none: all), and reports as Markdown. */
export function benchNorms(entries, library, { isQuick, filters, log }) {
  const timing = isQuick ? { visits: 3, milliseconds: 5, warmup: 2 } : { visits: 5, milliseconds: 20, warmup: 2 };
  const rows = [];
  const ratios = { forward: [], both: [] };
  const left = [];
  for (const entry of entries) {
    if (filters.length > 0 && !filters.includes(entry.slug)) continue;
    const plans = plansOf(entry, isQuick ? quick : full);
    if (plans.length === 0) left.push(`${entry.slug}: its plan has no case with the shapes of this page`);
    for (const planned of plans) {
      log(entry.slug);
      try {
        const { label, ns } = measureOne(entry, planned, library, timing);
        ratios.forward.push(ns.definition / ns.fused);
        ratios.both.push(ns['definition both'] / ns['fused both']);
        rows.push([
          entry.slug,
          label,
          shown(ns.copy),
          shown(ns.fused),
          shown(ns.definition),
          `${shown(ns.definition / ns.fused)}×`,
          shown(ns['fused both']),
          shown(ns['definition both']),
          `${shown(ns['definition both'] / ns['fused both'])}×`,
          shown(ns['fused both'] / ns.copy),
        ]);
      } catch (error) {
        left.push(`${entry.slug}: ${error.message}`);
      }
    }
  }
  const head = ['norm', 'x', 'copy', 'forward', 'definition', 'ratio', 'forward + backward', 'definition', 'ratio', 'in copies'];
  const lines = [table(head, rows)];
  if (rows.length > 0) {
    lines.push(
      `Geometric mean of definition over fused: forward ${shown(geometricMean(ratios.forward))}×, ` +
        `forward + backward ${shown(geometricMean(ratios.both))}×.`,
    );
  }
  if (left.length > 0) lines.push(`Not measured:\n\n${left.map((line) => `- ${line}`).join('\n')}`);
  return lines.join('\n\n');
}
