// Group norm, then SiLU where wanted: an image is read, while it is in the cache, for its statistics
// and again for what comes out of them. The backward pass computes anew what lies between.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "simd.h"

extern "C" {

struct Norm {
    int64_t images, pixels;  // pixels of an image
    int32_t channels;        // a multiple of LANES, and of the groups
    int32_t groups;
    int32_t silu;
    float eps;
};

}  // extern "C"

namespace {

// Calls work(thread, image) for every image.
template <class Work>
void each_image(const Norm& t, Work work) {
#pragma omp parallel
    {
        const int thread = omp_get_thread_num();
#pragma omp for schedule(static)
        for (int64_t image = 0; image < t.images; ++image) work(thread, image);
    }
}

constexpr int64_t CHUNK = 64;  // pixels whose sum float32 holds well

// Calls work(channel, first pixel, last) for LANES channels of some pixels at a time, all of an
// image in the end: what belongs to the channels stays in registers meanwhile.
template <class Work>
inline void each_chunk(const Norm& t, Work work) {
    for (int64_t begin = 0; begin < t.pixels; begin += CHUNK)
        for (int c = 0; c < t.channels; c += LANES)
            work(c, begin, std::min(begin + CHUNK, t.pixels));
}

// Sums of two values over an image's pixels, for every channel: (2, channels). of(c) gives what
// computes those at an index of channels from c on.
template <class Of>
void two_sums(const Norm& t, double* sums, Of of) {
    std::fill(sums, sums + 2 * t.channels, 0.0);
    each_chunk(t, [&](int c, int64_t begin, int64_t end) {
        const auto values = of(c);
        Floats one = all(0.0f), two = all(0.0f);
        for (int64_t p = begin; p < end; ++p) {
            Floats u, v;
            values(p * t.channels + c, &u, &v);
            one = sum(one, u), two = sum(two, v);
        }
        add_lanes(one, sums + c), add_lanes(two, sums + t.channels + c);
    });
}

// Calls what of(c) gives with every index of channels from c on.
template <class Of>
void each_register(const Norm& t, Of of) {
    each_chunk(t, [&](int c, int64_t begin, int64_t end) {
        const auto body = of(c);
        for (int64_t p = begin; p < end; ++p) body(p * t.channels + c);
    });
}

// What an image's groups are normalised by. Sums are of differences to the first pixel, which keep
// the digits that squares of values far from zero would lose.
void statistics(const Norm& t, const Value* x, float* mean, float* rstd, std::vector<double>& sums) {
    two_sums(t, sums.data(), [&](int c) {
        return [x, from = load(x + c)](int64_t i, Floats* one, Floats* two) {
            *one = difference(load(x + i), from);
            *two = product(*one, *one);
        };
    });
    const int size = t.channels / t.groups;
    for (int group = 0; group < t.groups; ++group) {
        double total = 0, squares = 0;  // of the group's channels, each about its own mean
        for (int c = group * size; c < (group + 1) * size; ++c) {
            const double distance = sums[c] / t.pixels;
            squares += sums[t.channels + c] - distance * sums[c];
            sums[c] = widened(x[c]) + distance;
            total += sums[c];
        }
        const double of_group = total / size;
        for (int c = group * size; c < (group + 1) * size; ++c)
            squares += t.pixels * (sums[c] - of_group) * (sums[c] - of_group);
        mean[group] = (float)of_group;
        rstd[group] = (float)(1 / std::sqrt(std::max(squares, 0.0) / (size * t.pixels) + t.eps));
    }
}

// What a thread needs for one image: numbers of each channel.
struct Channels {
    std::vector<float> mean, scale, shift, of_one, of_value;
    explicit Channels(const Norm& t)
        : mean(t.channels), scale(t.channels), shift(t.channels), of_one(t.channels),
          of_value(t.channels) {}
    void set(const Norm& t, const float* weight, const float* bias, const float* means,
             const float* rstd) {
        const int size = t.channels / t.groups;
        for (int c = 0; c < t.channels; ++c) {
            mean[c] = means[c / size];
            scale[c] = weight[c] * rstd[c / size];
            shift[c] = bias[c];
        }
    }
};

// The norm of LANES channels.
struct Affine {
    Floats mean, scale, shift;
    Affine(const Channels& of, int c)
        : mean(load_floats(&of.mean[c])), scale(load_floats(&of.scale[c])),
          shift(load_floats(&of.shift[c])) {}
    Floats centred(Floats x) const { return difference(x, mean); }
    Floats of_centred(Floats x) const { return product_and_sum(scale, x, shift); }
};

template <bool SILU>
void forward(const Norm& t, const Value* x, const float* weight, const float* bias, Value* y,
             float* mean, float* rstd) {
    std::vector<Channels> of_threads(omp_get_max_threads(), Channels(t));
    each_image(t, [&](int thread, int64_t image) {
        const int64_t first = image * t.pixels * t.channels, group = image * t.groups;
        const Value* from = x + first;
        Value* to = y + first;
        std::vector<double> sums(2 * t.channels);
        statistics(t, from, mean + group, rstd + group, sums);
        Channels& of = of_threads[thread];
        of.set(t, weight, bias, mean + group, rstd + group);
        each_register(t, [&](int c) {
            return [from, to, norm = Affine(of, c)](int64_t i) {
                const Floats z = norm.of_centred(norm.centred(load(from + i)));
                store(to + i, SILU ? product(z, sigmoid(z)) : z);
            };
        });
    });
}

template <bool SILU, bool SHORTCUT>
void backward(const Norm& t, const Value* x, const float* weight, const float* bias,
              const float* mean, const float* rstd, const Value* dy, const Value* shortcut,
              Value* dx, double* parameters) {
    struct Thread {
        Channels of;
        std::vector<double> sums, parameters;
        std::vector<float> g;  // the gradients of what the norm gives
    };
    std::vector<Thread> of_threads(omp_get_max_threads(), Thread{Channels(t), {}, {}, {}});
    const int size = t.channels / t.groups;
    const int64_t values = t.pixels * t.channels;
    each_image(t, [&](int thread, int64_t image) {
        Thread& mine = of_threads[thread];
        mine.sums.resize(2 * t.channels);
        mine.parameters.resize(2 * t.channels);
        mine.g.resize(values);
        Channels& of = mine.of;
        const int64_t first = image * values;
        const Value *from = x + first, *d = dy + first, *along = SHORTCUT ? shortcut + first : d;
        Value* to = dx + first;
        const float *means = mean + image * t.groups, *scales = rstd + image * t.groups;
        of.set(t, weight, bias, means, scales);
        float* gradients = mine.g.data();
        two_sums(t, mine.sums.data(), [&](int c) {
            return [=, norm = Affine(of, c)](int64_t i, Floats* one, Floats* two) {
                const Floats v = norm.centred(load(from + i));
                Floats g = load(d + i);
                if (SILU) {
                    const Floats z = norm.of_centred(v), s = sigmoid(z);
                    // (z s)' = s + z s (1 - s)
                    g = product(g, product_and_sum(product(z, s), difference(all(1.0f), s), s));
                }
                store_floats(gradients + i, g);
                *one = g, *two = product(g, v);
            };
        });
        // Wu & He 2018, equation 1: the gradient through a group's mean and variance.
        for (int group = 0; group < t.groups; ++group) {
            double of_g = 0, of_product = 0;
            for (int c = group * size; c < (group + 1) * size; ++c) {
                const double product = mine.sums[t.channels + c] * scales[group];
                mine.parameters[c] += product;
                mine.parameters[t.channels + c] += mine.sums[c];
                of_g += weight[c] * mine.sums[c];
                of_product += weight[c] * product;
            }
            const double share = scales[group] / (double)(size * t.pixels);
            for (int c = group * size; c < (group + 1) * size; ++c) {
                of.of_one[c] = (float)(-share * of_g);
                of.of_value[c] = (float)(-share * scales[group] * of_product);
            }
        }
        each_register(t, [&](int c) {
            const Floats of_one = load_floats(&of.of_one[c]);
            const Floats of_value = load_floats(&of.of_value[c]);
            return [=, norm = Affine(of, c)](int64_t i) {
                Floats one = of_one;
                if (SHORTCUT) one = sum(one, load(along + i));
                one = product_and_sum(of_value, norm.centred(load(from + i)), one);
                store(to + i, product_and_sum(norm.scale, load_floats(gradients + i), one));
            };
        });
    });
    for (const Thread& part : of_threads)
        for (size_t i = 0; i < part.parameters.size(); ++i) parameters[i] += part.parameters[i];
}

}  // namespace

extern "C" {

// y, and the mean and the inverse deviation of every image's groups: (images, groups).
void norm_forward(const Norm* t, const Value* x, const float* weight, const float* bias, Value* y,
                  float* mean, float* rstd) {
    (t->silu ? forward<true> : forward<false>)(*t, x, weight, bias, y, mean, rstd);
}

// dx, to which the gradient along a shortcut is added where there is one, and the gradients of
// weight and bias: (2, channels), which begins at zero.
void norm_backward(const Norm* t, const Value* x, const float* weight, const float* bias,
                   const float* mean, const float* rstd, const Value* dy, const Value* shortcut,
                   Value* dx, double* parameters) {
    const auto call = t->silu ? (shortcut ? backward<true, true> : backward<true, false>)
                              : (shortcut ? backward<false, true> : backward<false, false>);
    call(*t, x, weight, bias, mean, rstd, dy, shortcut, dx, parameters);
}

}  // extern "C"
