// float32 in registers of 8 values, for AVX2 with FMA.
#pragma once

namespace {

using Value = float;
using Floats = __m256;
using Integers = __m256i;
using Factors = __m256;
using Lanes = __m256i;  // all bits of a lane, or none

constexpr int LANES = 8, DEPTH = 1, PIXELS = 6, LONGEST = PIXELS / 2, MOST_ROWS = 6;

inline Floats all(float x) { return _mm256_set1_ps(x); }
inline Integers all(int x) { return _mm256_set1_epi32(x); }
inline Floats load_floats(const float* p) { return _mm256_loadu_ps(p); }
inline void store_floats(float* p, Floats x) { _mm256_storeu_ps(p, x); }
inline Floats sum(Floats a, Floats b) { return _mm256_add_ps(a, b); }
inline Floats difference(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
inline Floats product(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
inline Floats product_and_sum(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats inverse(Floats x) { return _mm256_div_ps(all(1.0f), x); }
inline Floats larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats smaller(Floats a, Floats b) { return _mm256_min_ps(a, b); }
inline Floats nearest(Floats x) {
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// x * 2^n for whole n, where all that is a normal number.
inline Floats times_power_of_two(Floats x, Floats n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), exponent));
}
// a0 b0 a1 b1 ...: its first LANES values, and the others.
inline void interleave(Floats a, Floats b, Floats* low, Floats* high) {
    const Floats one = _mm256_unpacklo_ps(a, b), two = _mm256_unpackhi_ps(a, b);
    *low = _mm256_permute2f128_ps(one, two, 0x20);
    *high = _mm256_permute2f128_ps(one, two, 0x31);
}
// The reverse of interleave.
inline void separate(Floats low, Floats high, Floats* a, Floats* b) {
    const Floats one = _mm256_permute2f128_ps(low, high, 0x20);
    const Floats two = _mm256_permute2f128_ps(low, high, 0x31);
    *a = _mm256_shuffle_ps(one, two, 0x88);
    *b = _mm256_shuffle_ps(one, two, 0xdd);
}
inline float first_of(Floats x) { return _mm256_cvtss_f32(x); }
inline float total(Floats x) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

inline Integers lane_numbers() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
inline Integers plus(Integers a, Integers b) { return _mm256_add_epi32(a, b); }
inline Integers product(Integers a, Integers b) { return _mm256_mullo_epi32(a, b); }
inline Integers exclusive_or(Integers a, Integers b) { return _mm256_xor_si256(a, b); }
template <int BITS>
inline Integers shifted_right(Integers x) {
    return _mm256_srli_epi32(x, BITS);
}

inline Lanes first_lanes(int64_t n) {
    return _mm256_cmpgt_epi32(all((int)(n < LANES ? n : LANES)), lane_numbers());
}
// Of numbers below 2^31, which here have 17 bits at most.
inline Lanes at_least(Integers x, Integers least) {
    return _mm256_cmpgt_epi32(x, _mm256_sub_epi32(least, all(1)));
}
inline Lanes not_above_zero(Floats x) {
    return _mm256_castps_si256(_mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LE_OQ));
}
inline Floats kept(Lanes lanes, Floats x) { return _mm256_and_ps(_mm256_castsi256_ps(lanes), x); }
inline Floats times_where(Lanes lanes, Floats x, Floats by) {
    return _mm256_blendv_ps(x, product(x, by), _mm256_castsi256_ps(lanes));
}

inline Floats load(const Value* p) { return _mm256_loadu_ps(p); }
inline Floats load(Lanes lanes, const Value* p) { return _mm256_maskload_ps(p, lanes); }
inline void store(Value* p, Floats x) { _mm256_storeu_ps(p, x); }
inline void store(Lanes lanes, Value* p, Floats x) { _mm256_maskstore_ps(p, lanes, x); }
inline Value rounded(float x) { return x; }
inline float widened(Value x) { return x; }

inline Factors load_factors(const Value* p) { return _mm256_loadu_ps(p); }
// DEPTH values in every lane.
inline Factors in_all_lanes(const Value* p) { return _mm256_broadcast_ss(p); }
inline Floats multiply(Floats sum, Factors a, Factors b) { return _mm256_fmadd_ps(a, b, sum); }
// LANES values of DEPTH images side by side.
inline void side_by_side(const Value* const* images, Value* to) {
    _mm256_storeu_ps(to, _mm256_loadu_ps(images[0]));
}

// LANES lanes of DEPTH values each: the first alone.
inline void store_factors(Value* to, Floats first, Floats) { store(to, first); }

}  // namespace
