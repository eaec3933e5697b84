// The gradient of a convolution's weights.
#pragma once

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "geometry.h"

namespace {

// DEPTH images with their values side by side, (h, w, c) each -> (buffer_h, buffer_w, channels,
// DEPTH). Those from `count` on are zero.
void interleave(const Value* images, int count, int h, int w, int c, int before_h, int before_w,
                int buffer_h, int buffer_w, int channels, Value* buffer) {
    const size_t width = (size_t)buffer_w * channels * DEPTH;
    for (int row = 0; row < buffer_h; ++row) {
        Value* to = buffer + row * width;
        int y = row - before_h;
        if (y < 0 || y >= h) {
            memset(to, 0, width * sizeof(Value));
            continue;
        }
        const int inside = std::min(w, buffer_w - before_w);
        const Value* rows[DEPTH];
        for (int j = 0; j < DEPTH; ++j)
            rows[j] = j < count ? images + ((size_t)j * h + y) * w * c : nullptr;
        memset(to, 0, (size_t)before_w * channels * DEPTH * sizeof(Value));
        Value* pixel = to + (size_t)before_w * channels * DEPTH;
        if (channels == c && c % LANES == 0) {
            for (size_t i = 0; i < (size_t)inside * c; i += LANES) {
                side_by_side(rows, pixel + DEPTH * i);
                for (const Value*& row : rows) row = row ? row + LANES : nullptr;
            }
        } else {
            for (int x = 0; x < inside; ++x)
                for (int k = 0; k < channels; ++k)
                    for (int j = 0; j < DEPTH; ++j)
                        pixel[((size_t)x * channels + k) * DEPTH + j] =
                            k < c && rows[j] ? rows[j][x * c + k] : 0;
        }
        const size_t done = (size_t)(before_w + inside) * channels * DEPTH;
        memset(to + done, 0, (width - done) * sizeof(Value));
    }
}

// R rows (tap and channel of the padded tensor) by two registers of channels of the other, over all
// pixels of so many times DEPTH images.
template <int R, bool NEIGHBOURS>
void weight_block(int times, const Value* a, size_t a_size, const ptrdiff_t* rows, ptrdiff_t a_step,
                  ptrdiff_t a_row, const Value* b, ptrdiff_t b_step, int h, int w, float* sums,
                  ptrdiff_t sums_step) {
    Floats sum[R][2];
#pragma GCC unroll 9
    for (int r = 0; r < R; ++r) {
        sum[r][0] = load_floats(sums + r * sums_step);
        sum[r][1] = load_floats(sums + r * sums_step + LANES);
    }
    for (int time = 0; time < times; ++time)
        for (int y = 0; y < h; ++y) {
            const Value* at = a + time * a_size + y * a_row;
            for (int x = 0; x < w; ++x, at += a_step, b += b_step) {
                const Factors b0 = load_factors(b), b1 = load_factors(b + DEPTH * LANES);
#pragma GCC unroll 9
                for (int r = 0; r < R; ++r) {
                    const Factors v = in_all_lanes(at + (NEIGHBOURS ? DEPTH * r : rows[r]));
                    sum[r][0] = multiply(sum[r][0], v, b0);
                    sum[r][1] = multiply(sum[r][1], v, b1);
                }
            }
        }
#pragma GCC unroll 9
    for (int r = 0; r < R; ++r) {
        store_floats(sums + r * sums_step, sum[r][0]);
        store_floats(sums + r * sums_step + LANES, sum[r][1]);
    }
}

// Sums over images and pixels of larger[o * stride + k - before][a] * smaller[o][b] for every tap k:
// the gradient of the weights, with x the larger for a gather, and the smaller for a scatter. Values
// of DEPTH images are laid side by side, so that one instruction adds all their products.
class WeightGradient {
  public:
    explicit WeightGradient(const Geometry& g)
        : g_(g), a_(g.scatter ? Side{g.out_h, g.out_w, g.out_c} : Side{g.in_h, g.in_w, g.in_c}),
          b_(g.scatter ? Side{g.in_h, g.in_w, g.in_c} : Side{g.out_h, g.out_w, g.out_c}),
          b_wide_(rounded_up(b_.c, WIDE)), buffer_h_((b_.h - 1) * g.stride + g.kernel),
          buffer_w_((b_.w - 1) * g.stride + g.kernel), rows_(g.kernel * g.kernel * a_.c),
          offsets_(rows_) {
        for (int m = 0; m < rows_; ++m) {
            const int tap = m / a_.c, y = tap / g.kernel, x = tap % g.kernel;
            offsets_[m] = (((ptrdiff_t)y * buffer_w_ + x) * a_.c + m % a_.c) * DEPTH;
        }
    }
    size_t sums_size() const { return (size_t)rows_ * b_wide_; }
    // Of DEPTH images.
    size_t scratch_size() const { return a_scratch() + b_scratch(); }

    // Adds the share of `count` images to the sums (taps, a, b rounded up to WIDE), which pass
    // through the registers once. The buffer is of the scratch size of them all.
    void add(const Value* x, const Value* d, int count, Value* buffer, float* sums) const {
        const Value *larger = g_.scatter ? d : x, *smaller = g_.scatter ? x : d;
        const int times = (count + DEPTH - 1) / DEPTH;
        Value *a = buffer, *b = buffer + times * a_scratch();
        for (int i = 0; i < times; ++i) {
            const int here = std::min(DEPTH, count - i * DEPTH);
            interleave(larger + (size_t)i * DEPTH * a_.h * a_.w * a_.c, here, a_.h, a_.w, a_.c,
                       g_.before_h, g_.before_w, buffer_h_, buffer_w_, a_.c, a + i * a_scratch());
            interleave(smaller + (size_t)i * DEPTH * b_.h * b_.w * b_.c, here, b_.h, b_.w, b_.c, 0, 0,
                       b_.h, b_.w, b_wide_, b + i * b_scratch());
        }
        for (int column = 0; column < b_wide_; column += WIDE) {
            // Rows of one tap are neighbours in memory, where it has enough of them.
            const bool neighbours = a_.c >= MOST_ROWS;
            const int group = neighbours ? a_.c : rows_, blocks = (group + MOST_ROWS - 1) / MOST_ROWS;
            for (int first = 0; first < rows_; first += group)
                for (int i = 0; i < blocks; ++i) {
                    const int m = first + i * group / blocks, end = first + (i + 1) * group / blocks;
                    (this->*BLOCKS[neighbours][end - m - 1])(times, m, column, a, b, sums);
                }
        }
    }

  private:
    struct Side {
        int h, w, c;
    };

    size_t a_scratch() const {
        return ((size_t)buffer_h_ * buffer_w_ * a_.c * DEPTH + 31) / 32 * 32;
    }
    size_t b_scratch() const { return (size_t)b_.h * b_.w * b_wide_ * DEPTH; }

    template <int R, bool NEIGHBOURS>
    void block(int times, int m, int column, const Value* a, const Value* b, float* sums) const {
        const ptrdiff_t step = (ptrdiff_t)g_.stride * a_.c * DEPTH;
        weight_block<R, NEIGHBOURS>(times, NEIGHBOURS ? a + offsets_[m] : a, a_scratch(),
                                    &offsets_[m], step, step * buffer_w_, b + column * DEPTH,
                                    DEPTH * b_wide_, b_.h, b_.w,
                                    sums + (size_t)m * b_wide_ + column, b_wide_);
    }

    using Block = void (WeightGradient::*)(int, int, int, const Value*, const Value*, float*) const;
    template <bool NEIGHBOURS, size_t... R>
    static constexpr std::array<Block, MOST_ROWS> of_rows(std::index_sequence<R...>) {
        return {&WeightGradient::block<R + 1, NEIGHBOURS>...};
    }
    using Rows = std::make_index_sequence<MOST_ROWS>;
    static const std::array<Block, MOST_ROWS> BLOCKS[2];

    const Geometry& g_;
    Side a_, b_;
    int b_wide_, buffer_h_, buffer_w_, rows_;
    std::vector<ptrdiff_t> offsets_;
};

const std::array<WeightGradient::Block, MOST_ROWS> WeightGradient::BLOCKS[2] = {
    of_rows<false>(Rows{}), of_rows<true>(Rows{})};

}  // namespace
