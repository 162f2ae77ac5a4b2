/** What a training puts into the network: a norm of activations, a norm of weights, both, or neither. */
import { entryOf } from '../../norms/catalog.ts';

export interface Recipe {
  /** Slug of the norm behind each convolution; null without. */
  readonly norm: string | null;
  /** Slug of the norm of each convolution's weight; null without. */
  readonly weightNorm: string | null;
}

const BOTH = ' + ';

/** The name of a training: `none`, `group`, `weight` or `group + weight`. */
export function labelOf({ norm, weightNorm }: Recipe): string {
  return [norm, weightNorm].filter((slug) => slug !== null).join(BOTH) || 'none';
}

/** What the name of a training says. Throws a RangeError for a norm that there is not, or that has no place in the network. */
export function recipeOf(label: string): Recipe {
  let recipe: Recipe = { norm: null, weightNorm: null };
  if (label === 'none') return recipe;
  for (const slug of label.split(BOTH)) {
    const { classifier, transform } = entryOf(slug);
    if (classifier) recipe = { ...recipe, norm: slug };
    else if (transform) recipe = { ...recipe, weightNorm: slug };
    else throw new RangeError(`network: ${slug} cannot stand in a classifier`);
  }
  return recipe;
}

/** Every norm, without one too, without and with each norm of weights, as names of trainings; `none` is the first. */
export function labelsOf(norms: readonly string[], weightNorms: readonly string[]): string[] {
  const choices = (slugs: readonly string[]): (string | null)[] => [null, ...slugs.filter((slug) => slug !== 'none')];
  const labels = choices(norms).flatMap((norm) => choices(weightNorms).map((weightNorm) => labelOf({ norm, weightNorm })));
  return [...new Set(labels)];
}
