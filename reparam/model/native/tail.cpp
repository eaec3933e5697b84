// What follows a convolution: LeakyReLU and a scale and shift a channel (batch norm) in either
// order, then dropout, in one pass over memory; forward, and backward without a stored mask.

#include <omp.h>

#include <algorithm>
#include <type_traits>
#include <vector>

#include "simd.h"

extern "C" {

struct Tail {
    int64_t pixels;        // images * height * width
    int32_t channels;      // a multiple of 16
    int32_t act_first;     // LeakyReLU before scale and shift, else after
    Activation act;
};

}  // extern "C"

namespace {

// Calls body(pixel, channel, index) for every 16 values, all pixels of a channel's 16 in turn.
template <class Body>
inline void each16(const Tail& t, int64_t first, int64_t last, Body body) {
    for (int64_t p = first; p < last; ++p)
        for (int c = 0; c < t.channels; c += LANES) body(c, p * t.channels + c);
}

template <class Work>
void in_shares(const Tail& t, Work work) {
#pragma omp parallel
    {
        const int n = omp_get_num_threads(), i = omp_get_thread_num();
        work(i, t.pixels * i / n, t.pixels * (i + 1) / n);
    }
}

template <bool ACT_FIRST, bool DROP>
void forward(const Tail& t, const bf16* x, const float* scale, const float* shift, bf16* y) {
    const __m512 slope = _mm512_set1_ps(t.act.slope), keep = _mm512_set1_ps(t.act.keep_scale);
    const Mask mask(t.act);
    in_shares(t, [&](int, int64_t first, int64_t last) {
        each16(t, first, last, [&](int c, int64_t i) {
            const __m512 a = _mm512_loadu_ps(scale + c), b = _mm512_loadu_ps(shift + c);
            __m512 v = load16(x + i);
            v = ACT_FIRST ? _mm512_fmadd_ps(a, leaky(v, slope), b)
                          : leaky(_mm512_fmadd_ps(a, v, b), slope);
            if (DROP) v = _mm512_maskz_mul_ps(mask(i), v, keep);
            store16(y + i, v);
        });
    });
}

// v: what the norm sees. g: the gradient of what the norm gives.
template <bool ACT_FIRST, bool DROP>
inline void value_and_gradient(const Tail& t, const Mask& mask, const bf16* x, const bf16* dy,
                               int64_t i, __m512 a, __m512 b, __m512* v, __m512* g) {
    const __m512 slope = _mm512_set1_ps(t.act.slope);
    __m512 in = load16(x + i), d = load16(dy + i);
    if (DROP) d = _mm512_maskz_mul_ps(mask(i), d, _mm512_set1_ps(t.act.keep_scale));
    *v = ACT_FIRST ? leaky(in, slope) : in;
    *g = ACT_FIRST ? d : leaky_gradient(d, _mm512_fmadd_ps(a, in, b), slope);
}

template <bool ACT_FIRST, bool DROP>
void backward(const Tail& t, const bf16* x, const float* scale, const float* shift, const bf16* dy,
              const float* of_g, const float* of_one, const float* of_v, bf16* dx) {
    const __m512 slope = _mm512_set1_ps(t.act.slope);
    const Mask mask(t.act);
    in_shares(t, [&](int, int64_t first, int64_t last) {
        each16(t, first, last, [&](int c, int64_t i) {
            __m512 v, g;
            value_and_gradient<ACT_FIRST, DROP>(t, mask, x, dy, i, _mm512_loadu_ps(scale + c),
                                                _mm512_loadu_ps(shift + c), &v, &g);
            __m512 d = _mm512_fmadd_ps(_mm512_loadu_ps(of_v + c), v, _mm512_loadu_ps(of_one + c));
            d = _mm512_fmadd_ps(_mm512_loadu_ps(of_g + c), g, d);
            if (ACT_FIRST) d = leaky_gradient(d, load16(x + i), slope);
            store16(dx + i, d);
        });
    });
}

// Sums of two values over all pixels, for every channel: (2, channels), added in double precision.
template <class Values>
void two_sums(const Tail& t, double* sums, Values values) {
    constexpr int64_t CHUNK = 64;  // pixels whose sum float32 holds well
    std::vector<std::vector<double>> of_threads(omp_get_max_threads());
    in_shares(t, [&](int thread, int64_t first, int64_t last) {
        std::vector<double>& mine = of_threads[thread];
        mine.assign(2 * t.channels, 0.0);
        for (int64_t begin = first; begin < last; begin += CHUNK)
            for (int c = 0; c < t.channels; c += LANES) {
                __m512 one = _mm512_setzero_ps(), two = _mm512_setzero_ps();
                for (int64_t p = begin; p < std::min(begin + CHUNK, last); ++p) {
                    __m512 u, v;
                    values(c, p * t.channels + c, &u, &v);
                    one = _mm512_add_ps(one, u), two = _mm512_add_ps(two, v);
                }
                float buffer[2][LANES];
                _mm512_storeu_ps(buffer[0], one), _mm512_storeu_ps(buffer[1], two);
                for (int j = 0; j < LANES; ++j) {
                    mine[c + j] += buffer[0][j];
                    mine[t.channels + c + j] += buffer[1][j];
                }
            }
    });
    for (const auto& part : of_threads)
        for (size_t i = 0; i < part.size(); ++i) sums[i] += part[i];
}

template <class Call>
void choose(const Tail& t, Call call) {  // the template's arguments, from the values
    using std::false_type, std::true_type;
    if (t.act_first)
        t.act.drop_below ? call(true_type{}, true_type{}) : call(true_type{}, false_type{});
    else
        t.act.drop_below ? call(false_type{}, true_type{}) : call(false_type{}, false_type{});
}

}  // namespace

extern "C" {

// Sums of v and v * v, where v is what the norm sees, into (2, channels), which begins at zero.
void tail_statistics(const Tail* t, const bf16* x, double* sums) {
    const __m512 slope = _mm512_set1_ps(t->act.slope);
    two_sums(*t, sums, [&](int, int64_t i, __m512* one, __m512* two) {
        const __m512 in = load16(x + i), v = t->act_first ? leaky(in, slope) : in;
        *one = v, *two = _mm512_mul_ps(v, v);
    });
}

// y = dropout of scale * LeakyReLU(x) + shift, or of LeakyReLU(scale * x + shift).
void tail_forward(const Tail* t, const bf16* x, const float* scale, const float* shift, bf16* y) {
    choose(*t, [&](auto act_first, auto drop) {
        forward<act_first.value, drop.value>(*t, x, scale, shift, y);
    });
}

// Sums of g and g * v, where g is the gradient of what the norm gives: (2, channels).
void tail_gradient_sums(const Tail* t, const bf16* x, const float* scale, const float* shift,
                        const bf16* dy, double* sums) {
    const Mask mask(t->act);
    choose(*t, [&](auto act_first, auto drop) {
        two_sums(*t, sums, [&](int c, int64_t i, __m512* one, __m512* two) {
            __m512 v;
            value_and_gradient<act_first.value, drop.value>(
                *t, mask, x, dy, i, _mm512_loadu_ps(scale + c), _mm512_loadu_ps(shift + c), &v, one);
            *two = _mm512_mul_ps(v, *one);
        });
    });
}

// dx, where the gradient of what the norm sees is of_g * g + of_one + of_v * v for every channel.
void tail_backward(const Tail* t, const bf16* x, const float* scale, const float* shift,
                   const bf16* dy, const float* of_g, const float* of_one, const float* of_v,
                   bf16* dx) {
    choose(*t, [&](auto act_first, auto drop) {
        backward<act_first.value, drop.value>(*t, x, scale, shift, dy, of_g, of_one, of_v, dx);
    });
}

}  // extern "C"
