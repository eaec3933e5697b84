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
    int32_t channels;      // a multiple of LANES
    int32_t act_first;     // LeakyReLU before scale and shift, else after
    Activation act;
};

}  // extern "C"

namespace {

// Calls body(pixel, channel, index) for every LANES values, in the order of memory.
template <class Body>
inline void each_register(const Tail& t, int64_t first, int64_t last, Body body) {
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
void forward(const Tail& t, const Value* x, const float* scale, const float* shift, Value* y) {
    const Floats slope = all(t.act.slope);
    const Mask mask(t.act);
    in_shares(t, [&](int, int64_t first, int64_t last) {
        each_register(t, first, last, [&](int c, int64_t i) {
            const Floats a = load_floats(scale + c), b = load_floats(shift + c);
            Floats v = load(x + i);
            v = ACT_FIRST ? product_and_sum(a, leaky(v, slope), b)
                          : leaky(product_and_sum(a, v, b), slope);
            if (DROP) v = dropped(t.act, mask, i, v);
            store(y + i, v);
        });
    });
}

// v: what the norm sees. g: the gradient of what the norm gives.
template <bool ACT_FIRST, bool DROP>
inline void value_and_gradient(const Tail& t, const Mask& mask, const Value* x, const Value* dy,
                               int64_t i, Floats a, Floats b, Floats* v, Floats* g) {
    const Floats slope = all(t.act.slope);
    Floats in = load(x + i), d = load(dy + i);
    if (DROP) d = dropped(t.act, mask, i, d);
    *v = ACT_FIRST ? leaky(in, slope) : in;
    *g = ACT_FIRST ? d : leaky_gradient(d, product_and_sum(a, in, b), slope);
}

template <bool ACT_FIRST, bool DROP>
void backward(const Tail& t, const Value* x, const float* scale, const float* shift, const Value* dy,
              const float* mean, const float* of_g, const float* of_one, const float* of_v, Value* dx) {
    const Floats slope = all(t.act.slope);
    const Mask mask(t.act);
    in_shares(t, [&](int, int64_t first, int64_t last) {
        each_register(t, first, last, [&](int c, int64_t i) {
            Floats v, g;
            value_and_gradient<ACT_FIRST, DROP>(t, mask, x, dy, i, load_floats(scale + c),
                                                load_floats(shift + c), &v, &g);
            v = difference(v, load_floats(mean + c));
            Floats d = product_and_sum(load_floats(of_v + c), v, load_floats(of_one + c));
            d = product_and_sum(load_floats(of_g + c), g, d);
            if (ACT_FIRST) d = leaky_gradient(d, load(x + i), slope);
            store(dx + i, d);
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
                Floats one = all(0.0f), two = all(0.0f);
                for (int64_t p = begin; p < std::min(begin + CHUNK, last); ++p) {
                    Floats u, v;
                    values(c, p * t.channels + c, &u, &v);
                    one = sum(one, u), two = sum(two, v);
                }
                add_lanes(one, &mine[c]), add_lanes(two, &mine[t.channels + c]);
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

// Sums of v and v * v into (2, channels), which begins at zero, where v is what the norm sees less
// what it sees of the first pixel, `from` (channels): differences keep the digits that v * v of
// values far from zero would lose.
void tail_statistics(const Tail* t, const Value* x, float* from, double* sums) {
    const Floats slope = all(t->act.slope);
    const auto seen = [&](int64_t i) {
        const Floats in = load(x + i);
        return t->act_first ? leaky(in, slope) : in;
    };
    for (int c = 0; c < t->channels; c += LANES) store_floats(from + c, seen(c));
    two_sums(*t, sums, [&](int c, int64_t i, Floats* one, Floats* two) {
        const Floats v = difference(seen(i), load_floats(from + c));
        *one = v, *two = product(v, v);
    });
}

// y = dropout of scale * LeakyReLU(x) + shift, or of LeakyReLU(scale * x + shift).
void tail_forward(const Tail* t, const Value* x, const float* scale, const float* shift, Value* y) {
    choose(*t, [&](auto act_first, auto drop) {
        forward<act_first.value, drop.value>(*t, x, scale, shift, y);
    });
}

// Sums of g and g * (v - mean), where g is the gradient of what the norm gives: (2, channels).
void tail_gradient_sums(const Tail* t, const Value* x, const float* scale, const float* shift,
                        const float* mean, const Value* dy, double* sums) {
    const Mask mask(t->act);
    choose(*t, [&](auto act_first, auto drop) {
        two_sums(*t, sums, [&](int c, int64_t i, Floats* one, Floats* two) {
            Floats v;
            value_and_gradient<act_first.value, drop.value>(
                *t, mask, x, dy, i, load_floats(scale + c), load_floats(shift + c), &v, one);
            *two = product(difference(v, load_floats(mean + c)), *one);
        });
    });
}

// dx, where the gradient of what the norm sees is of_g * g + of_one + of_v * (v - mean) for every
// channel.
void tail_backward(const Tail* t, const Value* x, const float* scale, const float* shift,
                   const float* mean, const Value* dy, const float* of_g, const float* of_one,
                   const float* of_v, Value* dx) {
    choose(*t, [&](auto act_first, auto drop) {
        backward<act_first.value, drop.value>(*t, x, scale, shift, dy, mean, of_g, of_one, of_v, dx);
    });
}

}  // extern "C"
