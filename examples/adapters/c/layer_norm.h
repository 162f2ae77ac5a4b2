/* A layer norm over rows of n elements, forward and backward: the functions under test. They know nothing of the oracle. */
#ifndef LAYER_NORM_H
#define LAYER_NORM_H

#include <stddef.h>

/* y = (x - mean) / sqrt(variance + eps) * weight + bias; weight and bias may be NULL; mean and rstd, one a row, are kept for the backward */
void layer_norm_forward(const float *x, const float *weight, const float *bias, float eps, size_t rows, size_t n,
                        float *y, float *mean, float *rstd);

/* the gradients of x, weight and bias; dweight and dbias may be NULL */
void layer_norm_backward(const float *dy, const float *x, const float *weight, const float *mean, const float *rstd,
                         size_t rows, size_t n, float *dx, float *dweight, float *dbias);

#endif
