/** Cases of weight norms that go through a layer: `config.layer` says which. */
import { conv } from '../../autograd/conv.ts';
import { linear } from '../../nn/linear.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Call, Tensors } from './entry.ts';

/** The layer of a case. */
export interface LayerConfig {
  readonly kind: 'linear' | 'conv2d';
  readonly bias: boolean;
  readonly stride?: number;
  readonly padding?: number;
}

/** The layer that a case goes through; undefined for one that stops at the weight. */
export function layerOf({ config }: Pick<Call, 'config'>): LayerConfig | undefined {
  return config.layer as LayerConfig | undefined;
}

/** `y` of the case's layer with this weight, or the weight itself where the case has no layer. */
export function throughLayer(call: Call, weight: Tensor): Tensors {
  const layer = layerOf(call);
  if (!layer) return { weight };
  const { x, bias = null } = call.inputs as { x: Tensor; bias?: Tensor };
  if (layer.kind === 'linear') return { y: linear(x, weight, bias) };
  const { stride = 1, padding = 0 } = layer;
  return { y: conv(x, weight, bias, { stride, padding }) };
}
