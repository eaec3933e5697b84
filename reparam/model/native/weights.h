// The gradient of a convolution's weights.
#pragma once

#include <cstring>
#include <vector>

#include "geometry.h"

namespace {

// Two images with their values side by side: (h, w, c) of both -> (buffer_h, buffer_w, channels, 2)
void interleave(const bf16* first, const bf16* second, int h, int w, int c, int before_h,
                int before_w, int buffer_h, int buffer_w, int channels, bf16* buffer) {
    const size_t width = (size_t)buffer_w * channels * 2;
    for (int row = 0; row < buffer_h; ++row) {
        bf16* to = buffer + row * width;
        int y = row - before_h;
        if (y < 0 || y >= h) {
            memset(to, 0, width * sizeof(bf16));
            continue;
        }
        const int inside = std::min(w, buffer_w - before_w);
        const bf16 *a = first + (size_t)y * w * c, *b = second ? second + (size_t)y * w * c : nullptr;
        memset(to, 0, (size_t)before_w * channels * 2 * sizeof(bf16));
        bf16* pixel = to + (size_t)before_w * channels * 2;
        if (channels == c && c % LANES == 0) {
            for (size_t i = 0; i < (size_t)inside * c; i += LANES) {
                const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(a + i)));
                const __m512i high =
                    b ? _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(b + i)))
                      : _mm512_setzero_si512();
                _mm512_storeu_si512(pixel + 2 * i,
                                    _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
            }
        } else {
            for (int x = 0; x < inside; ++x)
                for (int k = 0; k < channels; ++k) {
                    bf16* at = pixel + ((size_t)x * channels + k) * 2;
                    at[0] = k < c ? a[x * c + k] : 0;
                    at[1] = k < c && b ? b[x * c + k] : 0;
                }
        }
        const size_t done = (size_t)(before_w + inside) * channels * 2;
        memset(to + done, 0, (width - done) * sizeof(bf16));
    }
}

// R rows (tap and channel of the padded tensor) by 32 channels of the other, over all pixels.
template <int R, bool NEIGHBOURS>
void weight_block(const bf16* a, const ptrdiff_t* rows, ptrdiff_t a_step, ptrdiff_t a_row,
                  const bf16* b, ptrdiff_t b_step, int h, int w, float* sums, ptrdiff_t sums_step) {
    __m512 sum[R][2];
#pragma GCC unroll 9
    for (int r = 0; r < R; ++r) {
        sum[r][0] = _mm512_loadu_ps(sums + r * sums_step);
        sum[r][1] = _mm512_loadu_ps(sums + r * sums_step + LANES);
    }
    for (int y = 0; y < h; ++y) {
        const bf16* at = a + y * a_row;
        for (int x = 0; x < w; ++x, at += a_step, b += b_step) {
            const __m512i b0 = _mm512_loadu_si512(b), b1 = _mm512_loadu_si512(b + WIDE);
#pragma GCC unroll 9
            for (int r = 0; r < R; ++r) {
                int32_t pair;
                memcpy(&pair, at + (NEIGHBOURS ? 2 * r : rows[r]), 4);
                const __m512i v = _mm512_set1_epi32(pair);
                sum[r][0] = multiply_pairs(sum[r][0], v, b0);
                sum[r][1] = multiply_pairs(sum[r][1], v, b1);
            }
        }
    }
#pragma GCC unroll 9
    for (int r = 0; r < R; ++r) {
        _mm512_storeu_ps(sums + r * sums_step, sum[r][0]);
        _mm512_storeu_ps(sums + r * sums_step + LANES, sum[r][1]);
    }
}

// Sums over images and pixels of larger[o * stride + k - before][a] * smaller[o][b] for every tap k:
// the gradient of the weights, with x the larger for a gather, and the smaller for a scatter. Values
// of two images are laid side by side, so that one instruction adds both their products.
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
            offsets_[m] = (((ptrdiff_t)y * buffer_w_ + x) * a_.c + m % a_.c) * 2;
        }
    }
    size_t sums_size() const { return (size_t)rows_ * b_wide_; }
    size_t scratch_size() const { return a_scratch() + (size_t)b_.h * b_.w * b_wide_ * 2; }

    // Adds one or two images' share to the sums (taps, a, b rounded up to 32).
    void add(const bf16* x, const bf16* d, int count, bf16* buffer, float* sums) const {
        const bf16 *larger = g_.scatter ? d : x, *smaller = g_.scatter ? x : d;
        bf16 *a = buffer, *b = buffer + a_scratch();
        interleave(larger, count == 2 ? larger + a_.size() : nullptr, a_.h, a_.w, a_.c, g_.before_h,
                   g_.before_w, buffer_h_, buffer_w_, a_.c, a);
        interleave(smaller, count == 2 ? smaller + b_.size() : nullptr, b_.h, b_.w, b_.c, 0, 0,
                   b_.h, b_.w, b_wide_, b);
        for (int column = 0; column < b_wide_; column += WIDE) {
            int m = 0;
            if (a_.c % 8 == 0)
                for (; m < rows_; m += 8) block<8, true>(m, column, a, b, sums);
            for (; m + 9 <= rows_; m += 9) block<9, false>(m, column, a, b, sums);
            for (; m < rows_; ++m) block<1, false>(m, column, a, b, sums);
        }
    }

  private:
    struct Side {
        int h, w, c;
        size_t size() const { return (size_t)h * w * c; }
    };

    size_t a_scratch() const { return ((size_t)buffer_h_ * buffer_w_ * a_.c * 2 + 31) / 32 * 32; }

    template <int R, bool NEIGHBOURS>
    void block(int m, int column, const bf16* a, const bf16* b, float* sums) const {
        const ptrdiff_t step = (ptrdiff_t)g_.stride * a_.c * 2;
        weight_block<R, NEIGHBOURS>(NEIGHBOURS ? a + offsets_[m] : a, &offsets_[m], step,
                                    step * buffer_w_, b + column * 2, 2 * b_wide_, b_.h, b_.w,
                                    sums + (size_t)m * b_wide_ + column, b_wide_);
    }

    const Geometry& g_;
    Side a_, b_;
    int b_wide_, buffer_h_, buffer_w_, rows_;
    std::vector<ptrdiff_t> offsets_;
};

}  // namespace
