// What follows a convolution: LeakyReLU and a scale and shift a channel (batch norm) in either
// order, then dropout. Its gradient, without a stored mask, of any of the pixels.
#pragma once

#include <type_traits>

#include "simd.h"

extern "C" {

struct Tail {
    int64_t pixels;        // images * height * width
    int32_t channels;      // a multiple of LANES
    int32_t act_first;     // LeakyReLU before scale and shift, else after
    Activation act;
};

// How the gradient of what the norm sees follows from g, that of what it gives, and from v, what it
// sees: of_g * g + of_one + of_v * (v - mean), for every channel.
struct TailGradient {
    Tail tail;
    const void* x;  // what the tail is given, Values
    const float *scale, *shift, *mean, *of_g, *of_one, *of_v;
};

}  // extern "C"

namespace {

// Calls body(channel, index) for every LANES values, in the order of memory.
template <class Body>
inline void each_register(const Tail& t, int64_t first, int64_t last, Body body) {
    for (int64_t p = first; p < last; ++p)
        for (int c = 0; c < t.channels; c += LANES) body(c, p * t.channels + c);
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

template <class Call>
void choose(const Tail& t, Call call) {  // the template's arguments, from the values
    using std::false_type, std::true_type;
    if (t.act_first)
        t.act.drop_below ? call(true_type{}, true_type{}) : call(true_type{}, false_type{});
    else
        t.act.drop_below ? call(false_type{}, true_type{}) : call(false_type{}, false_type{});
}

// The gradient of what the tail is given, for pixels from first to last, into `dx`, whose first
// pixel is the first of these. `dy`, that of what it gives, has all pixels.
void through_tail(const TailGradient& of, const Value* dy, int64_t first, int64_t last, Value* dx) {
    const Tail& t = of.tail;
    const Value* x = (const Value*)of.x;
    const Floats slope = all(t.act.slope);
    const Mask mask(t.act);
    const int64_t origin = first * t.channels;
    choose(t, [&](auto act_first, auto drop) {
        each_register(t, first, last, [&](int c, int64_t i) {
            Floats v, g;
            value_and_gradient<act_first.value, drop.value>(
                t, mask, x, dy, i, load_floats(of.scale + c), load_floats(of.shift + c), &v, &g);
            v = difference(v, load_floats(of.mean + c));
            Floats d = product_and_sum(load_floats(of.of_v + c), v, load_floats(of.of_one + c));
            d = product_and_sum(load_floats(of.of_g + c), g, d);
            if (act_first.value) d = leaky_gradient(d, load(x + i), slope);
            store(dx + (i - origin), d);
        });
    });
}

}  // namespace
