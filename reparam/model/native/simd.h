// Values in registers: which, is said by the header of the processor's instructions.
//
//   Value      what tensors hold in memory
//   LANES      float32 values in a register (Floats)
//   DEPTH      values of a lane that one multiplication multiplies and adds up (Factors)
//   PIXELS     by two registers of sums each, and what they are multiplied by, fill the registers;
//              two runs of the LONGEST are as many
//   MOST_ROWS  of a block of the weights' gradient, by two registers, likewise
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

extern "C" {

// LeakyReLU, then dropout.
struct Activation {
    float slope;          // of LeakyReLU below zero; 1 for none
    uint32_t drop_below;  // a value is dropped when its 16 random bits are below this; 0 for none
    float keep_scale;     // what the others are multiplied by
    uint32_t seed[2];
};

}  // extern "C"

#ifdef __AVX512BF16__
#include "simd_bfloat16.h"
#else
#include "simd_float32.h"
#endif

namespace {

constexpr int WIDE = 2 * LANES;  // channels of one inner loop: two registers of sums

// Adds every value of a register to a sum of its own.
inline void add_lanes(Floats x, double* sums) {
    float values[LANES];
    store_floats(values, x);
    for (int j = 0; j < LANES; ++j) sums[j] += values[j];
}

// 1, or the slope where x is not above zero, times g.
inline Floats leaky_gradient(Floats g, Floats x, Floats slope) {
    return times_where(not_above_zero(x), g, slope);
}

inline Floats leaky(Floats x, Floats slope) { return leaky_gradient(x, x, slope); }

// Which of the values from `index` on stay: 16 bits of a hash of (seed, index) each, so that any
// thread finds the same mask again, and nothing is stored. The mixing constants are of the
// bijective hash 'lowbias32' (C. Wellons, "Prospecting for Hash Functions", 2018).
class Mask {
  public:
    explicit Mask(const Activation& t)
        : seed_(all((int)t.seed[0])), twist_(all((int)t.seed[1])), least_(all((int)t.drop_below)) {}
    Lanes operator()(int64_t index) const {
        Integers x = exclusive_or(plus(all((int)index), lane_numbers()), seed_);
        x = exclusive_or(x, shifted_right<16>(x));
        x = product(x, all(0x7feb352d));
        x = exclusive_or(plus(x, twist_), shifted_right<15>(x));
        x = product(x, all((int)0x846ca68b));
        return at_least(shifted_right<16>(x), least_);
    }

  private:
    Integers seed_, twist_, least_;
};

// Dropout of the values that stand from `index` on in their tensor.
inline Floats dropped(const Activation& act, const Mask& mask, int64_t index, Floats x) {
    return kept(mask(index), product(x, all(act.keep_scale)));
}

// The activation of the values that stand from `index` on in their tensor.
inline Floats activated(const Activation& act, const Mask& mask, int64_t index, Floats x) {
    x = leaky(x, all(act.slope));
    return act.drop_below ? dropped(act, mask, index, x) : x;
}

// Its gradient, from what it gave: a value that was kept has the sign that it had before.
inline Floats activation_gradient(const Activation& act, const Mask& mask, int64_t index, Floats y,
                                  Floats dy) {
    dy = leaky_gradient(dy, y, all(act.slope));
    return act.drop_below ? dropped(act, mask, index, dy) : dy;
}

// e^x to 2e-7 of it; x beyond ±87 counts as that.
inline Floats exponential(Floats x) {
    x = larger(all(-87.0f), smaller(all(87.0f), x));  // in this order NaN stays NaN
    const Floats n = nearest(product(x, all(1.44269504f)));  // x = n ln 2 + r, ln 2 in two parts
    Floats r = product_and_sum(n, all(-0.693359375f), x);
    r = product_and_sum(n, all(2.12194440e-4f), r);
    // For |r| <= ln 2 / 2: the coefficients of expf in Cephes (S. Moshier, 1989).
    Floats p = product_and_sum(all(1.9875691500e-4f), r, all(1.3981999507e-3f));
    p = product_and_sum(p, r, all(8.3334519073e-3f));
    p = product_and_sum(p, r, all(4.1665795894e-2f));
    p = product_and_sum(p, r, all(1.6666665459e-1f));
    p = product_and_sum(p, r, all(5.0000001201e-1f));
    p = product_and_sum(product(r, r), p, sum(r, all(1.0f)));
    return times_power_of_two(p, n);
}

// 1 / (1 + e^-x).
inline Floats sigmoid(Floats x) {
    return inverse(sum(all(1.0f), exponential(difference(all(0.0f), x))));
}

}  // namespace
