// bfloat16 in registers of 16 float32 values, for AVX512-BF16.
#pragma once

#include <immintrin.h>

#include <cstdint>

extern "C" {

// LeakyReLU, then dropout.
struct Activation {
    float slope;          // of LeakyReLU below zero; 1 for none
    uint32_t drop_below;  // a value is dropped when its 16 random bits are below this; 0 for none
    float keep_scale;     // what the others are multiplied by
    uint32_t seed[2];
};

}  // extern "C"

namespace {

using bf16 = uint16_t;

constexpr int LANES = 16;  // float32 values in a register

inline __m512 widen(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
inline __m512 load16(const bf16* p) {
    return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
inline __m256i narrow(__m512 x) { return (__m256i)_mm512_cvtneps_pbh(x); }
inline void store16(bf16* p, __m512 x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow(x));
}
inline __m512 multiply_pairs(__m512 sum, __m512i a, __m512i b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
inline bf16 narrow_one(float x) {
    return (bf16)_mm_extract_epi16((__m128i)_mm_cvtneps_pbh(_mm_set_ss(x)), 0);
}

inline __m512 leaky(__m512 x, __m512 slope) {
    const __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LE_OQ);
    return _mm512_mask_mul_ps(x, below, x, slope);
}

// 1, or the slope where x is not above zero, times g.
inline __m512 leaky_gradient(__m512 g, __m512 x, __m512 slope) {
    const __mmask16 below = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LE_OQ);
    return _mm512_mask_mul_ps(g, below, g, slope);
}

// Which of the 16 values at `index` stay: 16 bits of a hash of (seed, index) each, so that any
// thread finds the same mask again, and nothing is stored. The mixing constants are of the
// bijective hash 'lowbias32' (C. Wellons, "Prospecting for Hash Functions", 2018).
class Mask {
  public:
    explicit Mask(const Activation& t)
        : seed_(_mm512_set1_epi32((int)t.seed[0])), twist_(_mm512_set1_epi32((int)t.seed[1])),
          least_(_mm512_set1_epi32((int)t.drop_below)) {}
    __mmask16 operator()(int64_t index) const {
        const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        __m512i x = _mm512_add_epi32(_mm512_set1_epi32((int)index), lane);
        x = _mm512_xor_si512(x, seed_);
        x = _mm512_xor_si512(x, _mm512_srli_epi32(x, 16));
        x = _mm512_mullo_epi32(x, _mm512_set1_epi32(0x7feb352d));
        x = _mm512_xor_si512(_mm512_add_epi32(x, twist_), _mm512_srli_epi32(x, 15));
        x = _mm512_mullo_epi32(x, _mm512_set1_epi32((int)0x846ca68b));
        return _mm512_cmpge_epu32_mask(_mm512_srli_epi32(x, 16), least_);
    }

  private:
    __m512i seed_, twist_, least_;
};

// The activation of 16 values that stand from `index` on in their tensor.
inline __m512 activated(const Activation& act, const Mask& mask, int64_t index, __m512 x) {
    x = leaky(x, _mm512_set1_ps(act.slope));
    if (!act.drop_below) return x;
    return _mm512_maskz_mul_ps(mask(index), x, _mm512_set1_ps(act.keep_scale));
}

// Its gradient, from what it gave: a value that was kept has the sign that it had before.
inline __m512 activation_gradient(const Activation& act, const Mask& mask, int64_t index, __m512 y,
                                  __m512 dy) {
    dy = leaky_gradient(dy, y, _mm512_set1_ps(act.slope));
    if (!act.drop_below) return dy;
    return _mm512_maskz_mul_ps(mask(index), dy, _mm512_set1_ps(act.keep_scale));
}

}  // namespace
