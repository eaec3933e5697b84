// Convolutions and what stands between them, in bfloat16 for processors with AVX512-BF16, in
// float32 for those with AVX2.
//
// Tensors are channels-last (N, H, W, C); sums are kept in float32. Every convolution,
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
#include "tail.h"
#include "weights.h"

namespace {

// A buffer that is kept from call to call, one of each kind a thread.
template <class T>
T* scratch(std::vector<T>& buffer, size_t size) {
    if (buffer.size() < size + 64 / sizeof(T)) buffer.resize(size + 64 / sizeof(T));
    auto address = reinterpret_cast<uintptr_t>(buffer.data());
    return reinterpret_cast<T*>((address + 63) / 64 * 64);
}

// A thread's images: whole groups of so many, but for the last.
struct Share {
    int first, last;
    Share(int images, int group) {
        const int groups = (images + group - 1) / group;
        const int threads = omp_get_num_threads(), thread = omp_get_thread_num();
        first = group * (groups * thread / threads);
        last = std::min(images, group * (groups * (thread + 1) / threads));
    }
};

// d = the gradient of what the activation is given, for `size` values from `index` on.
void through_activation(const Activation& act, const Mask& mask, size_t index, size_t size,
                        const Value* y, const Value* dy, Value* d) {
    size_t i = 0;
    for (; i + LANES <= size; i += LANES)
        store(d + i, activation_gradient(act, mask, index + i, load(y + index + i),
                                         load(dy + index + i)));
    const Lanes rest = first_lanes(size - i);
    store(rest, d + i, activation_gradient(act, mask, index + i, load(rest, y + index + i),
                                           load(rest, dy + index + i)));
}

// Adds every channel's sum over the pixels of d (size / channels, channels).
void add_channels(const Value* d, size_t size, int channels, double* sums) {
    std::vector<float> total(channels, 0.0f);
    if (channels % LANES == 0) {
        for (int c = 0; c < channels; c += LANES) {
            Floats of_channels = all(0.0f);
            for (size_t i = c; i < size; i += channels) of_channels = sum(of_channels, load(d + i));
            store_floats(total.data() + c, of_channels);
        }
    } else {
        for (size_t i = 0; i < size; ++i) total[i % channels] += widened(d[i]);
    }
    for (int c = 0; c < channels; ++c) sums[c] += total[c];
}

}  // namespace

extern "C" {

// What the sizes of channels are rounded up to.
int32_t channels_together() { return WIDE; }

// Elements of the packed weights of a convolution.
int64_t packed_size(const Geometry* g) {
    const int taps = g->kernel * g->kernel;
    if (few(*g)) return (int64_t)taps * g->out_c * rounded_up(g->in_c, DEPTH);
    return (int64_t)taps * rounded_up(g->out_c, WIDE) * rounded_up(g->in_c, DEPTH);
}

// float32 weights, with given strides of (out channel, in channel, tap), into the inner loop's order.
void pack(const Geometry* g, const float* weights, int64_t out_stride, int64_t in_stride,
          int64_t tap_stride, Value* packed) {
    const int taps = g->kernel * g->kernel, channels = rounded_up(g->in_c, DEPTH);
    if (few(*g)) {
        for (int t = 0; t < taps; ++t)
            for (int o = 0; o < g->out_c; ++o)
                for (int i = 0; i < channels; ++i)
                    *packed++ = rounded(weights[o * out_stride + i * in_stride + t * tap_stride]);
        return;
    }
    const int blocks = rounded_up(g->out_c, WIDE) / WIDE;
    std::vector<float> row(DEPTH * WIDE);
    for (int t = 0; t < taps; ++t)
        for (int block = 0; block < blocks; ++block)
            for (int i = 0; i < channels; i += DEPTH, packed += DEPTH * WIDE) {
                for (int j = 0; j < DEPTH * WIDE; ++j) {
                    const int o = block * WIDE + j / DEPTH, c = i + j % DEPTH;
                    row[j] = o < g->out_c && c < g->in_c
                                 ? weights[o * out_stride + c * in_stride + t * tap_stride]
                                 : 0.0f;
                }
                for (int j = 0; j < DEPTH * WIDE; j += LANES)
                    store(packed + j, load_floats(row.data() + j));
            }
}

// out = the activation of: convolution of in, plus bias (float32, out_c rounded up to WIDE).
void convolve(const Geometry* g, const Activation* act, const Value* in, const Value* packed,
              const float* bias, Value* out) {
    const Plan plan = plan_of(*g);
    const Layer layer = layer_of(plan, *g, *act, out);
#pragma omp parallel
    {
        static thread_local std::vector<Value> kept;
        const Share mine(g->images, 1);
        const int together = images_together(plan.buffer_size(), g->images);
        Value* buffer = scratch(kept, together * plan.buffer_size());
        for (int n = mine.first; n < mine.last; n += together)
            convolve_several(plan, *g, layer, std::min(together, mine.last - n), in + n * in_size(*g),
                             buffer, packed, bias, out + n * out_size(*g));
    }
}

// The gradients of `convolve`, given what it read (x) and wrote (y; null where the activation is
// the identity) and the gradient dy of what it wrote; or, with a `tail` behind a convolution without
// activation, of what that gave:
//   dx            of x, where `packed`, the weights of the adjoint convolution, is not null
//   weight_sums   (taps, a, b): of the weights, float32, as in `WeightGradient`; begins at zero
//   bias_sums     (out_c): of the bias; begins at zero
// One pass: whatever a few images need stays in the cache from step to step.
void convolve_backward(const Geometry* g, const Activation* act, const Value* x, const Value* y,
                       const Value* dy, const TailGradient* tail, const Value* packed, Value* dx,
                       float* weight_sums, double* bias_sums) {
    Geometry back = *g;
    std::swap(back.in_h, back.out_h), std::swap(back.in_w, back.out_w);
    std::swap(back.in_c, back.out_c), back.scatter = !g->scatter;
    const Activation none = {1.0f, 0, 1.0f, {0, 0}};
    const Plan plan = plan_of(back);
    const Layer layer = layer_of(plan, back, none, dx);
    const std::vector<float> zeros(rounded_up(back.out_c, WIDE), 0.0f);
    const WeightGradient gradient(*g);
    const size_t x_size = in_size(*g), y_size = out_size(*g);
    const int64_t pixels = (int64_t)g->out_h * g->out_w;
    const Mask mask(*act);
    struct Sums {
        std::vector<float> weights;
        std::vector<double> bias;
    };
    std::vector<Sums> of_threads(omp_get_max_threads());
#pragma omp parallel
    {
        static thread_local std::vector<Value> kept_d, kept_buffer, kept_beside;
        const size_t an_image = plan.buffer_size() + gradient.scratch_size() / DEPTH;
        const int groups = (images_together(an_image, g->images) + DEPTH - 1) / DEPTH;
        const int together = groups * DEPTH;
        Value* buffer = scratch(kept_buffer, together * plan.buffer_size());
        Value* beside = scratch(kept_beside, groups * gradient.scratch_size());
        Value* held = y || tail ? scratch(kept_d, together * y_size) : nullptr;
        Sums& sums = of_threads[omp_get_thread_num()];
        sums.weights.assign(gradient.sums_size(), 0.0f), sums.bias.assign(g->out_c, 0.0);
        const Share mine(g->images, DEPTH);
        for (int n = mine.first; n < mine.last; n += together) {
            const int count = std::min(together, mine.last - n);
            const Value* d = dy + n * y_size;  // the gradient of what the sums over the taps are
            if (y) through_activation(*act, mask, n * y_size, count * y_size, y, dy, held);
            if (tail) through_tail(*tail, dy, n * pixels, (n + count) * pixels, held);
            if (held) d = held;
            for (int i = 0; i < count; ++i)
                add_channels(d + i * y_size, y_size, g->out_c, sums.bias.data());
            if (packed)
                convolve_several(plan, back, layer, count, d, buffer, packed, zeros.data(),
                                 dx + n * x_size);
            gradient.add(x + n * x_size, d, count, beside, sums.weights.data());
        }
    }
    for (const Sums& part : of_threads) {  // in the threads' order: the same sum every time
        for (size_t i = 0; i < part.weights.size(); ++i) weight_sums[i] += part.weights[i];
        for (size_t i = 0; i < part.bias.size(); ++i) bias_sums[i] += part.bias[i];
    }
}

}  // extern "C"
