/** All catalogued mistakes, the more particular and the more frequent first: among equals the first is named. */
import { axes, groups, windows } from './axes.ts';
import { deviations, overwritten, sliceTail, standIns, terms, weights } from './backward.ts';
import { inputGradients, parameterGradients } from './change-answer.ts';
import { epsilons, moments } from './forward.ts';
import type { Mistake } from './mistake.ts';
import { constants, roundings } from './numerics.ts';
import { lengths, localResponse, simplex, spectra, threshold } from './particular.ts';
import { replicas } from './replicas.ts';
import { calls, states } from './state.ts';
import { stepped } from './stepped.ts';
import { actNorm, online } from './streams.ts';
import { whitening } from './whitening.ts';

/** The mistakes that a failing answer is compared with: a function, for loading a module is to do nothing. */
export const mistakes = (): readonly Mistake[] => [
  // without eps a constant gives NaN too, and much besides
  ...constants(),
  ...inputGradients(),
  ...terms(),
  ...deviations(),
  ...standIns(),
  ...weights(),
  ...parameterGradients(),
  overwritten,
  sliceTail,
  ...epsilons(),
  ...moments(),
  ...groups(),
  ...axes(),
  ...windows(),
  ...localResponse(),
  ...threshold(),
  ...simplex(),
  ...lengths(),
  ...spectra(),
  ...whitening(),
  ...replicas(),
  ...actNorm(),
  ...online(),
  ...states(),
  ...calls(),
  ...stepped(),
  ...roundings(),
];
