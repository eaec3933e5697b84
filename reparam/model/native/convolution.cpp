// Convolutions and what stands between them, in bfloat16, for processors with AVX512-BF16.
//
// Tensors are channels-last (N, H, W, C) in bfloat16; sums are kept in float32. Every convolution,
// transposed or not, forward or backward, is one of two things:
//
//   gather   out[o] = sum over k of in[o * stride + k - before] * w[k]
//   scatter  out[i * stride + k - before] += in[i] * w[k]       (the adjoint of gather)
//
// and a scatter is, for each of the stride * stride phases of the output, a gather of stride 1
// with the taps that meet that phase; so one inner loop serves all. An image is first copied into
// a buffer with zeros around it, which stays in the cache and spares the inner loop all borders.

#include <omp.h>

#include <utility>
#include <vector>

#include "geometry.h"
#include "runs.h"
#include "weights.h"

namespace {

// A buffer that is kept from call to call, one of each kind a thread.
template <class T>
T* scratch(std::vector<T>& buffer, size_t size) {
    if (buffer.size() < size + 64 / sizeof(T)) buffer.resize(size + 64 / sizeof(T));
    auto address = reinterpret_cast<uintptr_t>(buffer.data());
    return reinterpret_cast<T*>((address + 63) / 64 * 64);
}

// d = the gradient of what the activation is given, for `size` values from `index` on.
void through_activation(const Activation& act, const Mask& mask, size_t index, size_t size,
                        const bf16* y, const bf16* dy, bf16* d) {
    for (size_t i = 0; i < size; i += LANES) {
        const auto inside = (__mmask16)(size - i >= LANES ? 0xffff : (1 << (size - i)) - 1);
        const __m512 out = widen(_mm256_maskz_loadu_epi16(inside, y + index + i));
        const __m512 of_out = widen(_mm256_maskz_loadu_epi16(inside, dy + index + i));
        const __m512 v = activation_gradient(act, mask, index + i, out, of_out);
        _mm256_mask_storeu_epi16(d + i, inside, narrow(v));
    }
}

// Adds every channel's sum over the pixels of d (size / channels, channels).
void add_channels(const bf16* d, size_t size, int channels, double* sums) {
    std::vector<float> total(channels, 0.0f);
    if (channels % LANES == 0) {
        for (int c = 0; c < channels; c += LANES) {
            __m512 sum = _mm512_setzero_ps();
            for (size_t i = c; i < size; i += channels) sum = _mm512_add_ps(sum, load16(d + i));
            _mm512_storeu_ps(total.data() + c, sum);
        }
    } else {
        for (size_t i = 0; i < size; ++i) {
            const uint32_t bits = (uint32_t)d[i] << 16;
            float value;
            memcpy(&value, &bits, 4);
            total[i % channels] += value;
        }
    }
    for (int c = 0; c < channels; ++c) sums[c] += total[c];
}

}  // namespace

extern "C" {

// Elements of the packed weights of a convolution.
int64_t packed_size(const Geometry* g) {
    const int taps = g->kernel * g->kernel;
    if (few(*g)) return (int64_t)taps * g->out_c * rounded_up(g->in_c, 2);
    return (int64_t)taps * rounded_up(g->out_c, WIDE) * rounded_up(g->in_c, 2);
}

// float32 weights, with given strides of (out channel, in channel, tap), into the inner loop's order.
void pack(const Geometry* g, const float* weights, int64_t out_stride, int64_t in_stride,
          int64_t tap_stride, bf16* packed) {
    const int taps = g->kernel * g->kernel, channels = rounded_up(g->in_c, 2);
    if (few(*g)) {
        for (int t = 0; t < taps; ++t)
            for (int o = 0; o < g->out_c; ++o)
                for (int i = 0; i < channels; ++i)
                    *packed++ = narrow_one(
                        weights[o * out_stride + i * in_stride + t * tap_stride]);
        return;
    }
    const int blocks = rounded_up(g->out_c, WIDE) / WIDE;
    std::vector<float> row(2 * WIDE);
    for (int t = 0; t < taps; ++t)
        for (int block = 0; block < blocks; ++block)
            for (int i = 0; i < channels; i += 2, packed += 2 * WIDE) {
                for (int j = 0; j < 2 * WIDE; ++j) {
                    const int o = block * WIDE + j / 2, c = i + j % 2;
                    row[j] = o < g->out_c && c < g->in_c
                                 ? weights[o * out_stride + c * in_stride + t * tap_stride]
                                 : 0.0f;
                }
                for (int j = 0; j < 2 * WIDE; j += LANES)
                    store16(packed + j, _mm512_loadu_ps(row.data() + j));
            }
}

// out = the activation of: convolution of in, plus bias (float32, out_c rounded up to 32).
void convolve(const Geometry* g, const Activation* act, const bf16* in, const bf16* packed,
              const float* bias, bf16* out) {
    const Plan plan = plan_of(*g);
    const Layer layer = layer_of(plan, *g, *act, out);
#pragma omp parallel
    {
        static thread_local std::vector<bf16> kept;
        bf16* buffer = scratch(kept, plan.buffer_size());
#pragma omp for schedule(static)
        for (int n = 0; n < g->images; ++n)
            convolve_one(plan, *g, layer, in + n * in_size(*g), buffer, packed, bias,
                         out + n * out_size(*g));
    }
}

// The gradients of `convolve`, given what it read (x) and wrote (y; null where the activation is
// the identity) and the gradient dy of what it wrote:
//   dx            of x, where `packed`, the weights of the adjoint convolution, is not null
//   weight_sums   (taps, a, b): of the weights, float32, as in `WeightGradient`; begins at zero
//   bias_sums     (out_c): of the bias; begins at zero
// One pass: whatever two images need stays in the cache from step to step.
void convolve_backward(const Geometry* g, const Activation* act, const bf16* x, const bf16* y,
                       const bf16* dy, const bf16* packed, bf16* dx, float* weight_sums,
                       double* bias_sums) {
    Geometry back = *g;
    std::swap(back.in_h, back.out_h), std::swap(back.in_w, back.out_w);
    std::swap(back.in_c, back.out_c), back.scatter = !g->scatter;
    const Activation none = {1.0f, 0, 1.0f, {0, 0}};
    const Plan plan = plan_of(back);
    const Layer layer = layer_of(plan, back, none, dx);
    const std::vector<float> zeros(rounded_up(back.out_c, WIDE), 0.0f);
    const WeightGradient gradient(*g);
    const size_t x_size = in_size(*g), y_size = out_size(*g);
    const Mask mask(*act);
    struct Sums {
        std::vector<float> weights;
        std::vector<double> bias;
    };
    std::vector<Sums> of_threads(omp_get_max_threads());
#pragma omp parallel
    {
        static thread_local std::vector<bf16> kept_d, kept_buffer, kept_pairs;
        bf16* buffer = scratch(kept_buffer, plan.buffer_size());
        bf16* pairs = scratch(kept_pairs, gradient.scratch_size());
        bf16* held = y ? scratch(kept_d, 2 * y_size) : nullptr;
        Sums& mine = of_threads[omp_get_thread_num()];
        mine.weights.assign(gradient.sums_size(), 0.0f), mine.bias.assign(g->out_c, 0.0);
#pragma omp for schedule(static)
        for (int n = 0; n < g->images; n += 2) {
            const int count = std::min(2, g->images - n);
            const bf16* d = dy + n * y_size;  // the gradient of what the activation is given
            if (y) {
                through_activation(*act, mask, n * y_size, count * y_size, y, dy, held);
                d = held;
            }
            add_channels(d, count * y_size, g->out_c, mine.bias.data());
            for (int i = 0; packed && i < count; ++i)
                convolve_one(plan, back, layer, d + i * y_size, buffer, packed, zeros.data(),
                             dx + (n + i) * x_size);
            gradient.add(x + n * x_size, d, count, pairs, mine.weights.data());
        }
    }
    for (const Sums& part : of_threads) {  // in the threads' order: the same sum every time
        for (size_t i = 0; i < part.weights.size(); ++i) weight_sums[i] += part.weights[i];
        for (size_t i = 0; i < part.bias.size(); ++i) bias_sums[i] += part.bias[i];
    }
}

}  // extern "C"
