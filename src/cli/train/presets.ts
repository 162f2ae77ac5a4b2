/** Settings in which it shows what normalization is good for. */

export interface Preset {
  readonly summary: string;
  readonly lr: number;
  readonly batch: number;
  readonly gain: number;
}

export const presets: Readonly<Record<string, Preset>> = {
  plain: { summary: 'a sound start and a moderate learning rate', lr: 0.1, batch: 16, gain: 1 },
  'high-lr': { summary: 'a learning rate five times as high', lr: 0.5, batch: 16, gain: 1 },
  'bad-init': { summary: 'initial weights twenty times too small', lr: 0.1, batch: 16, gain: 0.05 },
  'small-batch': { summary: 'two samples in a batch', lr: 0.02, batch: 2, gain: 1 },
};
