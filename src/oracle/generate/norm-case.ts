/**
 * A generated case of a norm: the free choices, the layout that its entry makes of them, and the data. The entry lays a
 * case out by named extents, so a case shrinks as a whole: an extent is cut in every tensor that has it.
 */
import type { CasePlan, Draft, Entry } from '../../norms/catalog/entry.ts';
import type { DType } from '../../tensor/dtype.ts';
import { type Case, mapTensors } from '../case.ts';
import { placesOf } from './places.ts';
import type { TensorCase } from './tensor-case.ts';

/** One generated case. Tensors are named by their place: `params.weight`, `inputs.0.x`, `gradOutputs.1.y`. */
export class NormCase {
  readonly entry: Entry;
  readonly draft: Draft;
  readonly plan: CasePlan;
  readonly tensors: ReadonlyMap<string, TensorCase>;

  constructor(entry: Entry, draft: Draft, plan: CasePlan, tensors: ReadonlyMap<string, TensorCase>) {
    this.entry = entry;
    this.draft = draft;
    this.plan = plan;
    this.tensors = tensors;
  }

  /** The case in a dtype, in memory of its own. */
  toCase(dtype: DType): Case {
    const { config, params, state, inputs, outputs, modes, ops } = this.plan;
    const named = (place: string) => (_: unknown, name: string) => this.tensors.get(`${place}.${name}`)!.tensor(dtype);
    return {
      entry: this.entry,
      dtype,
      config,
      params: mapTensors(params, named('params')),
      state: mapTensors(state, named('state')),
      calls: modes.map((mode, i) => ({
        mode,
        ...(ops?.[i] !== undefined && { op: ops[i] }),
        inputs: mapTensors(inputs, named(`inputs.${i}`)),
        gradOutputs: mapTensors(outputs, named(`gradOutputs.${i}`)),
      })),
    };
  }

  /** The spread of an input's data, which says how large a step of a numerical derivative may be. */
  spread(name: string): number {
    const { exponent, offset } = this.tensors.get(`inputs.0.${name}`)!;
    const eps = typeof this.plan.config.eps === 'number' ? this.plan.config.eps : 0;
    return Math.sqrt(4 ** exponent * 16 ** 2 + eps + (offset * 2 ** -52) ** 2);
  }

  /** The places of the tensors that hold measurements. */
  get data(): readonly string[] {
    return placesOf(this.plan).flatMap(([place, { filling }]) => (filling === 'data' ? [place] : []));
  }

  /** This case with some of its measurements changed. */
  withData(change: (data: TensorCase, place: string) => TensorCase): NormCase {
    const data = new Set(this.data);
    const tensors = [...this.tensors].map(([place, found]): [string, TensorCase] => [place, data.has(place) ? change(found, place) : found]);
    return new NormCase(this.entry, this.draft, this.plan, new Map(tensors));
  }

  toString(): string {
    const { config, modes } = this.plan;
    const tensors = [...this.tensors].map(([name, data]) => `  ${name}: ${data}`);
    return `${this.entry.slug} ${JSON.stringify(config)} ${modes.join(', ')}\n${tensors.join('\n')}`;
  }
}
