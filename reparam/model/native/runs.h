// One image by a plan: the loops that a convolution spends its time in.
#pragma once

#include <cstring>
#include <vector>

#include "geometry.h"

namespace {

// A run: neighbouring output pixels of one row.
struct Run {
    const bf16* in;
    bf16* out;
};

// What is the same for all runs of a convolution.
struct Layer {
    ptrdiff_t in_step, out_step;  // elements between neighbouring pixels of a run
    const Activation& act;
    Mask mask;
    const bf16* origin;  // of the tensor that is written: a value's index tells its random bits
};

// Two runs of S pixels by 32 output channels: the inner loop of everything.
template <int S>
void two_runs(const Layer& layer, Run one, Run two, const ptrdiff_t* offsets,
              const bf16* const* weights, int taps, int pairs, const float* bias, int channels) {
    const ptrdiff_t in_step = layer.in_step, out_step = layer.out_step;
    __m512 sum[2][S][2];
    const __m512 bias0 = _mm512_loadu_ps(bias), bias1 = _mm512_loadu_ps(bias + LANES);
#pragma GCC unroll 2
    for (int r = 0; r < 2; ++r)
#pragma GCC unroll 7
        for (int s = 0; s < S; ++s) sum[r][s][0] = bias0, sum[r][s][1] = bias1;
    for (int t = 0; t < taps; ++t) {
        const bf16 *a = one.in + offsets[t], *b = two.in + offsets[t], *w = weights[t];
        for (int k = 0; k < pairs; ++k, a += 2, b += 2, w += 2 * WIDE) {
            const __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + WIDE);
            const bf16* run[2] = {a, b};
#pragma GCC unroll 2
            for (int r = 0; r < 2; ++r)
#pragma GCC unroll 7
                for (int s = 0; s < S; ++s) {
                    int32_t pair;
                    memcpy(&pair, run[r] + s * in_step, 4);
                    const __m512i x = _mm512_set1_epi32(pair);
                    sum[r][s][0] = multiply_pairs(sum[r][s][0], x, w0);
                    sum[r][s][1] = multiply_pairs(sum[r][s][1], x, w1);
                }
        }
    }
    bf16* out[2] = {one.out, two.out};
    const auto low = (__mmask16)(channels >= LANES ? 0xffff : (1 << channels) - 1);
    const auto high = (__mmask16)(channels >= WIDE    ? 0xffff
                                  : channels <= LANES ? 0
                                                      : (1 << (channels - LANES)) - 1);
    for (int r = 0; r < 2; ++r)
#pragma GCC unroll 7
        for (int s = 0; s < S; ++s) {
            bf16* to = out[r] + s * out_step;
            const int64_t index = to - layer.origin;
            const __m512 y0 = activated(layer.act, layer.mask, index, sum[r][s][0]);
            const __m512 y1 = activated(layer.act, layer.mask, index + LANES, sum[r][s][1]);
            _mm256_mask_storeu_epi16(to, low, narrow(y0));
            _mm256_mask_storeu_epi16(to + LANES, high, narrow(y1));
        }
}

using TwoRuns = decltype(&two_runs<1>);
constexpr TwoRuns TWO_RUNS[] = {nullptr,     two_runs<1>, two_runs<2>, two_runs<3>,
                                two_runs<4>, two_runs<5>, two_runs<6>, two_runs<7>};

// Where each tap of a phase reads, in elements from the pixel that it is meant for.
std::vector<ptrdiff_t> offsets_of(const Plan& plan, const Phase& phase) {
    std::vector<ptrdiff_t> offsets(phase.tap.size());
    for (size_t t = 0; t < offsets.size(); ++t)
        offsets[t] = ((ptrdiff_t)phase.y[t] * plan.buffer_w + phase.x[t]) * plan.channels;
    return offsets;
}

// One image by a plan, for output channels in blocks of 32.
void convolve_image(const Plan& plan, const Geometry& g, const Layer& layer, const bf16* buffer,
                    const bf16* weights, const float* bias, bf16* out) {
    const int pairs = plan.channels / 2;
    const size_t block_size = (size_t)pairs * 2 * WIDE;
    const int blocks = rounded_up(g.out_c, WIDE) / WIDE;
    std::vector<const bf16*> taps;
    for (const Phase& phase : plan.phases) {
        const int count = (int)phase.tap.size();
        const std::vector<ptrdiff_t> offsets = offsets_of(plan, phase);
        taps.resize(count);
        if (!phase.rows || !phase.columns) continue;
        const int runs = (phase.columns + LONGEST - 1) / LONGEST;
        for (int block = 0; block < blocks; ++block) {
            for (int t = 0; t < count; ++t)
                taps[t] = weights + ((size_t)phase.tap[t] * blocks + block) * block_size;
            const float* block_bias = bias + block * WIDE;
            const int channels = std::min(WIDE, g.out_c - block * WIDE);
            // Columns are cut into runs of nearly equal lengths; two of one length go together.
            Run waiting[LONGEST + 1];
            bool waits[LONGEST + 1] = {};
            for (int row = 0; row < phase.rows; ++row)
                for (int run = 0; run < runs; ++run) {
                    const int first = run * phase.columns / runs;
                    const int length = (run + 1) * phase.columns / runs - first;
                    const Run here = {
                        buffer + ((ptrdiff_t)(row * plan.step_in - plan.low_y) * plan.buffer_w +
                                  first * plan.step_in - plan.low_x) *
                                     plan.channels,
                        out + ((ptrdiff_t)(row * plan.step_out + phase.row) * g.out_w +
                               first * plan.step_out + phase.column) *
                                  g.out_c +
                            block * WIDE};
                    if (!waits[length]) {
                        waiting[length] = here, waits[length] = true;
                        continue;
                    }
                    TWO_RUNS[length](layer, waiting[length], here, offsets.data(), taps.data(),
                                     count, pairs, block_bias, channels);
                    waits[length] = false;
                }
            for (int length = 1; length <= LONGEST; ++length)
                if (waits[length])  // an odd one: with itself
                    TWO_RUNS[length](layer, waiting[length], waiting[length], offsets.data(),
                                     taps.data(), count, pairs, block_bias, channels);
        }
    }
}

// For very few output channels the channels of the input lie along the register instead:
// weights (tap, out_c, channels), channels a multiple of 32. P neighbouring pixels at a time.
template <int P>
void few_pixels(const Layer& layer, const bf16* in, const ptrdiff_t* offsets,
                const bf16* const* weights, int taps, int channels, float bias, bf16* out) {
    __m512 sum[P];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p] = _mm512_setzero_ps();
    for (int t = 0; t < taps; ++t)
        for (int k = 0; k < channels; k += WIDE) {
            const __m512i w = _mm512_loadu_si512(weights[t] + k);
            const bf16* at = in + offsets[t] + k;
#pragma GCC unroll 8
            for (int p = 0; p < P; ++p)
                sum[p] = multiply_pairs(sum[p], _mm512_loadu_si512(at + p * layer.in_step), w);
        }
    for (int p = 0; p < P; ++p, out += layer.out_step) {
        const __m512 y = _mm512_set1_ps(_mm512_reduce_add_ps(sum[p]) + bias);
        *out = narrow_one(
            _mm512_cvtss_f32(activated(layer.act, layer.mask, out - layer.origin, y)));
    }
}

void convolve_image_to_few(const Plan& plan, const Geometry& g, const Layer& layer,
                           const bf16* buffer, const bf16* weights, const float* bias, bf16* out) {
    std::vector<const bf16*> taps;
    for (const Phase& phase : plan.phases) {
        const int count = (int)phase.tap.size();
        const std::vector<ptrdiff_t> offsets = offsets_of(plan, phase);
        taps.resize(count);
        for (int c = 0; c < g.out_c; ++c) {
            for (int t = 0; t < count; ++t)
                taps[t] = weights + ((size_t)phase.tap[t] * g.out_c + c) * plan.channels;
            for (int row = 0; row < phase.rows; ++row) {
                const bf16* in = buffer + ((ptrdiff_t)(row * plan.step_in - plan.low_y) *
                                               plan.buffer_w - plan.low_x) * plan.channels;
                bf16* to = out + ((ptrdiff_t)(row * plan.step_out + phase.row) * g.out_w +
                                  phase.column) * g.out_c + c;
                int x = 0;
                for (; x + 8 <= phase.columns; x += 8)
                    few_pixels<8>(layer, in + x * layer.in_step, offsets.data(), taps.data(), count,
                                  plan.channels, bias[c], to + x * layer.out_step);
                for (; x < phase.columns; ++x)
                    few_pixels<1>(layer, in + x * layer.in_step, offsets.data(), taps.data(), count,
                                  plan.channels, bias[c], to + x * layer.out_step);
            }
        }
    }
}

bool few(const Geometry& g) { return g.out_c <= 4 && g.in_c % WIDE == 0; }

Layer layer_of(const Plan& plan, const Geometry& g, const Activation& act, const bf16* out) {
    return {(ptrdiff_t)plan.step_in * plan.channels, (ptrdiff_t)plan.step_out * g.out_c, act,
            Mask(act), out};
}

void convolve_one(const Plan& plan, const Geometry& g, const Layer& layer, const bf16* in,
                  bf16* buffer, const bf16* packed, const float* bias, bf16* out) {
    fill_buffer(plan, g, in, buffer);
    if (few(g))
        convolve_image_to_few(plan, g, layer, buffer, packed, bias, out);
    else
        convolve_image(plan, g, layer, buffer, packed, bias, out);
}

}  // namespace
