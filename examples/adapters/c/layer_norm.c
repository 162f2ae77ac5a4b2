/* The variance in two passes, everything in float, sums from left to right. */
#include "layer_norm.h"

#include <math.h>

void layer_norm_forward(const float *x, const float *weight, const float *bias, float eps, size_t rows, size_t n,
                        float *y, float *mean, float *rstd) {
    for (size_t r = 0; r < rows; r++, x += n, y += n) {
        float sum = 0.0f;
        for (size_t i = 0; i < n; i++) sum += x[i];
        mean[r] = sum / (float)n;
        float squares = 0.0f;
        for (size_t i = 0; i < n; i++) squares += (x[i] - mean[r]) * (x[i] - mean[r]);
        rstd[r] = 1.0f / sqrtf(squares / (float)n + eps);
        for (size_t i = 0; i < n; i++) {
            y[i] = (x[i] - mean[r]) * rstd[r] * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
        }
    }
}

void layer_norm_backward(const float *dy, const float *x, const float *weight, const float *mean, const float *rstd,
                         size_t rows, size_t n, float *dx, float *dweight, float *dbias) {
    for (size_t i = 0; i < n; i++) {
        if (dweight) dweight[i] = 0.0f;
        if (dbias) dbias[i] = 0.0f;
    }
    for (size_t r = 0; r < rows; r++, x += n, dy += n, dx += n) {
        float mean_g = 0.0f, mean_gx = 0.0f; /* of g = dy weight, and of g xhat */
        for (size_t i = 0; i < n; i++) {
            float xhat = (x[i] - mean[r]) * rstd[r];
            float g = weight ? dy[i] * weight[i] : dy[i];
            mean_g += g;
            mean_gx += g * xhat;
            if (dweight) dweight[i] += dy[i] * xhat;
            if (dbias) dbias[i] += dy[i];
        }
        mean_g /= (float)n;
        mean_gx /= (float)n;
        for (size_t i = 0; i < n; i++) {
            float xhat = (x[i] - mean[r]) * rstd[r];
            float g = weight ? dy[i] * weight[i] : dy[i];
            dx[i] = rstd[r] * (g - mean_g - xhat * mean_gx);
        }
    }
}
