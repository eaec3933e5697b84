// Batch norm, LeakyReLU and dropout in as few passes over memory as there can be.

#include <omp.h>

#include <algorithm>
#include <vector>

#include "tail.h"

namespace {

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

// Sums of two values over all pixels, for every channel: (2, channels), added in double precision.
// From the last pixels to the first: what was written last is still in the cache, and what is read
// last here is there for the pass that follows.
template <class Values>
void two_sums(const Tail& t, double* sums, Values values) {
    constexpr int64_t CHUNK = 64;  // pixels whose sum float32 holds well
    std::vector<std::vector<double>> of_threads(omp_get_max_threads());
    in_shares(t, [&](int thread, int64_t first, int64_t last) {
        std::vector<double>& mine = of_threads[thread];
        mine.assign(2 * t.channels, 0.0);
        for (int64_t end = last, begin; end > first; end = begin) {
            begin = std::max(first, end - CHUNK);
            for (int c = 0; c < t.channels; c += LANES) {
                Floats one = all(0.0f), two = all(0.0f);
                for (int64_t p = begin; p < end; ++p) {
                    Floats u, v;
                    values(c, p * t.channels + c, &u, &v);
                    one = sum(one, u), two = sum(two, v);
                }
                add_lanes(one, &mine[c]), add_lanes(two, &mine[t.channels + c]);
            }
        }
    });
    for (const auto& part : of_threads)
        for (size_t i = 0; i < part.size(); ++i) sums[i] += part[i];
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

// The gradient dx of what the tail is given, all of it.
void tail_backward(const TailGradient* of, const Value* dy, Value* dx) {
    const Tail& t = of->tail;
    in_shares(t, [&](int, int64_t first, int64_t last) {
        through_tail(*of, dy, first, last, dx + first * t.channels);
    });
}

}  // extern "C"
