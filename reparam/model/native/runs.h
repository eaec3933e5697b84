// One image by a plan: the loops that a convolution spends its time in.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "geometry.h"

namespace {

// A run: neighbouring output pixels of one row.
struct Run {
    const Value* in;
    Value* out;
};

// What is the same for all runs of a convolution.
struct Layer {
    ptrdiff_t in_step, out_step;  // elements between neighbouring pixels of a run
    const Activation& act;
    Mask mask;
    const Value* origin;  // of the tensor that is written: a value's index tells its random bits
};

// How many runs of S pixels go together.
constexpr int together(int S) { return PIXELS / S; }

// So many runs of S pixels by two registers of output channels: the inner loop of everything.
// `steps`: of DEPTH input channels each.
template <int S>
void runs_together(const Layer& layer, const Run* runs, const ptrdiff_t* offsets,
                   const Value* const* weights, int taps, int steps, const float* bias,
                   int channels) {
    constexpr int RUNS = together(S);
    const ptrdiff_t in_step = layer.in_step, out_step = layer.out_step;
    Floats sum[RUNS][S][2];
    const Floats bias0 = load_floats(bias), bias1 = load_floats(bias + LANES);
    // All loops over sums are unrolled: else these would have to lie in memory.
#pragma GCC unroll 14
    for (int r = 0; r < RUNS; ++r)
#pragma GCC unroll 7
        for (int s = 0; s < S; ++s) sum[r][s][0] = bias0, sum[r][s][1] = bias1;
    for (int t = 0; t < taps; ++t) {
        const Value *at[RUNS], *w = weights[t];
#pragma GCC unroll 14
        for (int r = 0; r < RUNS; ++r) at[r] = runs[r].in + offsets[t];
        for (int k = 0; k < steps; ++k, w += DEPTH * WIDE) {
            const Factors w0 = load_factors(w), w1 = load_factors(w + DEPTH * LANES);
#pragma GCC unroll 14
            for (int r = 0; r < RUNS; ++r)
#pragma GCC unroll 7
                for (int s = 0; s < S; ++s) {
                    const Factors x = in_all_lanes(at[r] + s * in_step + k * DEPTH);
                    sum[r][s][0] = multiply(sum[r][s][0], x, w0);
                    sum[r][s][1] = multiply(sum[r][s][1], x, w1);
                }
        }
    }
    const Lanes low = first_lanes(channels), high = first_lanes(channels - LANES);
#pragma GCC unroll 14
    for (int r = 0; r < RUNS; ++r)
#pragma GCC unroll 7
        for (int s = 0; s < S; ++s) {
            Value* to = runs[r].out + s * out_step;
            const int64_t index = to - layer.origin;
            const Floats y0 = activated(layer.act, layer.mask, index, sum[r][s][0]);
            const Floats y1 = activated(layer.act, layer.mask, index + LANES, sum[r][s][1]);
            if (channels >= WIDE) {
                store(to, y0), store(to + LANES, y1);
            } else {
                store(low, to, y0), store(high, to + LANES, y1);
            }
        }
}

template <size_t... S>
constexpr auto by_length(std::index_sequence<S...>) {
    return std::array{runs_together<S + 1>...};
}
constexpr auto OF_LENGTH = by_length(std::make_index_sequence<LONGEST>{});  // from 1 on

// Where each tap of a phase reads, in elements from the pixel that it is meant for.
std::vector<ptrdiff_t> offsets_of(const Plan& plan, const Phase& phase) {
    std::vector<ptrdiff_t> offsets(phase.tap.size());
    for (size_t t = 0; t < offsets.size(); ++t)
        offsets[t] = ((ptrdiff_t)phase.y[t] * plan.buffer_w + phase.x[t]) * plan.channels;
    return offsets;
}

// Images by a plan, for output channels in blocks of two registers, whose weights meet all images
// in turn: of small maps they are more than the cache holds.
void convolve_images(const Plan& plan, const Geometry& g, const Layer& layer, int images,
                     const Value* buffer, const Value* weights, const float* bias, Value* out) {
    const int steps = plan.channels / DEPTH;
    const size_t block_size = (size_t)plan.channels * WIDE;
    const int blocks = rounded_up(g.out_c, WIDE) / WIDE;
    std::vector<const Value*> taps;
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
            // Columns are cut into runs of nearly equal lengths; those of one length go together.
            Run waiting[LONGEST + 1][PIXELS];
            int waits[LONGEST + 1] = {};
            const auto compute = [&](int length) {
                OF_LENGTH[length - 1](layer, waiting[length], offsets.data(), taps.data(), count,
                                      steps, block_bias, channels);
                waits[length] = 0;
            };
            for (int image = 0; image < images; ++image)
                for (int row = 0; row < phase.rows; ++row)
                    for (int run = 0; run < runs; ++run) {
                        const int first = run * phase.columns / runs;
                        const int length = (run + 1) * phase.columns / runs - first;
                        waiting[length][waits[length]++] = {
                            buffer + image * plan.buffer_size() +
                                ((ptrdiff_t)(row * plan.step_in - plan.low_y) * plan.buffer_w +
                                 first * plan.step_in - plan.low_x) *
                                    plan.channels,
                            out + image * out_size(g) +
                                ((ptrdiff_t)(row * plan.step_out + phase.row) * g.out_w +
                                 first * plan.step_out + phase.column) *
                                    g.out_c +
                                block * WIDE};
                        if (waits[length] == together(length)) compute(length);
                    }
            for (int length = 1; length <= LONGEST; ++length)
                if (waits[length]) {  // some of the same again, where too few are left
                    for (int i = waits[length]; i < together(length); ++i)
                        waiting[length][i] = waiting[length][i - 1];
                    compute(length);
                }
        }
    }
}

// For very few output channels the channels of the input lie along the register instead:
// weights (tap, out_c, channels), channels a multiple of what a register holds. P neighbouring pixels at a time.
template <int P>
void few_pixels(const Layer& layer, const Value* in, const ptrdiff_t* offsets,
                const Value* const* weights, int taps, int channels, float bias, Value* out) {
    Floats sum[P];
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sum[p] = all(0.0f);
    for (int t = 0; t < taps; ++t)
        for (int k = 0; k < channels; k += LANES * DEPTH) {
            const Factors w = load_factors(weights[t] + k);
            const Value* at = in + offsets[t] + k;
#pragma GCC unroll 8
            for (int p = 0; p < P; ++p)
                sum[p] = multiply(sum[p], load_factors(at + p * layer.in_step), w);
        }
    for (int p = 0; p < P; ++p, out += layer.out_step) {
        const Floats y = all(total(sum[p]) + bias);
        *out = rounded(first_of(activated(layer.act, layer.mask, out - layer.origin, y)));
    }
}

void convolve_image_to_few(const Plan& plan, const Geometry& g, const Layer& layer,
                           const Value* buffer, const Value* weights, const float* bias, Value* out) {
    std::vector<const Value*> taps;
    for (const Phase& phase : plan.phases) {
        const int count = (int)phase.tap.size();
        const std::vector<ptrdiff_t> offsets = offsets_of(plan, phase);
        taps.resize(count);
        for (int c = 0; c < g.out_c; ++c) {
            for (int t = 0; t < count; ++t)
                taps[t] = weights + ((size_t)phase.tap[t] * g.out_c + c) * plan.channels;
            for (int row = 0; row < phase.rows; ++row) {
                const Value* in = buffer + ((ptrdiff_t)(row * plan.step_in - plan.low_y) *
                                               plan.buffer_w - plan.low_x) * plan.channels;
                Value* to = out + ((ptrdiff_t)(row * plan.step_out + phase.row) * g.out_w +
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

bool few(const Geometry& g) { return g.out_c <= 4 && g.in_c % (LANES * DEPTH) == 0; }

Layer layer_of(const Plan& plan, const Geometry& g, const Activation& act, const Value* out) {
    return {(ptrdiff_t)plan.step_in * plan.channels, (ptrdiff_t)plan.step_out * g.out_c, act,
            Mask(act), out};
}

// As many images as fit into a core's cache, at least one.
int images_together(size_t values_an_image, int images) {
    constexpr size_t BYTES = 1 << 17;
    return (int)std::clamp<size_t>(BYTES / (values_an_image * sizeof(Value)), 1, images);
}

// `images` of a convolution, whose buffers lie one after the other.
void convolve_several(const Plan& plan, const Geometry& g, const Layer& layer, int images,
                      const Value* in, Value* buffer, const Value* packed, const float* bias,
                      Value* out) {
    for (int i = 0; i < images; ++i)
        fill_buffer(plan, g, in + i * in_size(g), buffer + i * plan.buffer_size());
    if (few(g))
        for (int i = 0; i < images; ++i)
            convolve_image_to_few(plan, g, layer, buffer + i * plan.buffer_size(), packed, bias,
                                  out + i * out_size(g));
    else
        convolve_images(plan, g, layer, images, buffer, packed, bias, out);
}

}  // namespace
