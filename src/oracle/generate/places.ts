/** The tensors of a generated case by their place: `params.weight`, `inputs.0.x`, `gradOutputs.1.y`. */
import type { CasePlan, Draft, Filling } from '../../norms/catalog/entry.ts';
import { mapTensors } from '../case.ts';

/** What a tensor of a case is: its axes and what fills it. */
export interface Place {
  readonly axes: readonly string[];
  /** `weights`: the weights of an output in the sum whose gradient is asked for. */
  readonly filling: Filling | 'weights';
  readonly below?: number;
}

/** Every tensor of a case: its place and its plan. */
export function placesOf({ params, state, inputs, outputs, modes }: CasePlan): [string, Place][] {
  const under = <T>(place: string, plans: Readonly<Record<string, T>>): [string, T][] =>
    Object.entries(plans).map(([name, plan]) => [`${place}.${name}`, plan]);
  return [
    ...under('params', params),
    ...under('state', state),
    ...modes.flatMap((_, i) => [
      ...under(`inputs.${i}`, inputs),
      ...under(`gradOutputs.${i}`, mapTensors(outputs, (axes) => ({ axes, filling: 'weights' as const }))),
    ]),
  ];
}

/** The extent of a named axis; a number for a name is the extent itself. */
export function extentOf({ sizes }: Draft, axis: string): number {
  return sizes[axis] ?? Number(axis);
}
