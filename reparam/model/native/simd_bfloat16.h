// bfloat16 in registers of 16 float32 values, for AVX512-BF16.
#pragma once

namespace {

using Value = uint16_t;
using Floats = __m512;
using Integers = __m512i;
using Factors = __m512i;  // 16 pairs
using Lanes = __mmask16;

constexpr int LANES = 16, DEPTH = 2, PIXELS = 14, LONGEST = PIXELS / 2, MOST_ROWS = 9;

inline Floats all(float x) { return _mm512_set1_ps(x); }
inline Integers all(int x) { return _mm512_set1_epi32(x); }
inline Floats load_floats(const float* p) { return _mm512_loadu_ps(p); }
inline void store_floats(float* p, Floats x) { _mm512_storeu_ps(p, x); }
inline Floats sum(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats difference(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats product(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats product_and_sum(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
// 1 / x, by a step of Newton's method: half the time of a division.
inline Floats inverse(Floats x) {
    const Floats y = _mm512_rcp14_ps(x);
    return _mm512_fmadd_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(1.0f)), y);
}
inline Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats smaller(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats nearest(Floats x) { return _mm512_roundscale_ps(x, 0); }
// x * 2^n for whole n, where all that is a normal number.
inline Floats times_power_of_two(Floats x, Floats n) { return _mm512_scalef_ps(x, n); }
// a0 b0 a1 b1 ...: its first LANES values, and the others.
inline void interleave(Floats a, Floats b, Floats* low, Floats* high) {
    const __m512i first =
        _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *low = _mm512_permutex2var_ps(a, first, b);
    *high = _mm512_permutex2var_ps(a, _mm512_add_epi32(first, _mm512_set1_epi32(8)), b);
}
// The reverse of interleave.
inline void separate(Floats low, Floats high, Floats* a, Floats* b) {
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *a = _mm512_permutex2var_ps(low, even, high);
    *b = _mm512_permutex2var_ps(low, _mm512_add_epi32(even, _mm512_set1_epi32(1)), high);
}
inline float total(Floats x) { return _mm512_reduce_add_ps(x); }
inline float first_of(Floats x) { return _mm512_cvtss_f32(x); }

inline Integers lane_numbers() {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
inline Integers plus(Integers a, Integers b) { return _mm512_add_epi32(a, b); }
inline Integers product(Integers a, Integers b) { return _mm512_mullo_epi32(a, b); }
inline Integers exclusive_or(Integers a, Integers b) { return _mm512_xor_si512(a, b); }
template <int BITS>
inline Integers shifted_right(Integers x) {
    return _mm512_srli_epi32(x, BITS);
}

inline Lanes first_lanes(int64_t n) {
    return (Lanes)(n >= LANES ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}
inline Lanes at_least(Integers x, Integers least) { return _mm512_cmpge_epu32_mask(x, least); }
inline Lanes not_above_zero(Floats x) {
    return _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LE_OQ);
}
inline Floats kept(Lanes lanes, Floats x) { return _mm512_maskz_mov_ps(lanes, x); }
inline Floats times_where(Lanes lanes, Floats x, Floats by) {
    return _mm512_mask_mul_ps(x, lanes, x, by);
}

inline Floats widen(__m256i x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}
inline __m256i narrow(Floats x) { return (__m256i)_mm512_cvtneps_pbh(x); }
inline Floats load(const Value* p) { return widen(_mm256_loadu_si256((const __m256i*)p)); }
inline Floats load(Lanes lanes, const Value* p) {
    return widen(_mm256_maskz_loadu_epi16(lanes, p));
}
inline void store(Value* p, Floats x) { _mm256_storeu_si256((__m256i*)p, narrow(x)); }
inline void store(Lanes lanes, Value* p, Floats x) {
    _mm256_mask_storeu_epi16(p, lanes, narrow(x));
}
inline Value rounded(float x) {
    return (Value)_mm_extract_epi16((__m128i)_mm_cvtneps_pbh(_mm_set_ss(x)), 0);
}
inline float widened(Value x) {
    const uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

inline Factors load_factors(const Value* p) { return _mm512_loadu_si512(p); }
// DEPTH values in every lane.
inline Factors in_all_lanes(const Value* p) {
    int32_t pair;
    memcpy(&pair, p, 4);
    return _mm512_set1_epi32(pair);
}
inline Floats multiply(Floats sum, Factors a, Factors b) {
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
// LANES values of DEPTH images side by side.
inline void side_by_side(const Value* const* images, Value* to) {
    const __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)images[0]));
    const __m512i high = images[1]
                             ? _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)images[1]))
                             : _mm512_setzero_si512();
    _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

// LANES lanes of DEPTH values each.
inline void store_factors(Value* to, Floats first, Floats second) {
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                           8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16,
                                           0);
    const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(order, both));
}

}  // namespace
