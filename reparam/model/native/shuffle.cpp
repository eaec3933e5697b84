// Blocks of 2 x 2 pixels into channels and back, beside a shortcut without weights: sums of
// neighbouring channels one way, copies the other.
//
// Channel 4 c + 2 i + j of the small maps is channel c at row i and column j of the block in the
// large ones.

#include <algorithm>

#include "simd.h"

extern "C" {

struct Shuffle {
    int64_t images, height, width;  // of the small maps
    int32_t channels;               // of the large maps beside the shortcut: a multiple of LANES
    int32_t group;                  // small channels that share a value of the shortcut: 1, 2, 4
};

}  // extern "C"

namespace {

// Four registers of the large maps' pixels, one each, into what the small maps have side by side.
inline void unshuffle(const Floats* v, Floats* out) {
    Floats left[2], right[2];
    interleave(v[0], v[2], &left[0], &left[1]);
    interleave(v[1], v[3], &right[0], &right[1]);
    interleave(left[0], right[0], &out[0], &out[1]);
    interleave(left[1], right[1], &out[2], &out[3]);
}

inline void shuffle(const Floats* in, Floats* v) {
    Floats left[2], right[2];
    separate(in[0], in[1], &left[0], &right[0]);
    separate(in[2], in[3], &left[1], &right[1]);
    separate(left[0], left[1], &v[0], &v[2]);
    separate(right[0], right[1], &v[1], &v[3]);
}

// The 4 / GROUP registers of sums over GROUP neighbours in what `unshuffle` gives.
template <int GROUP>
inline void grouped(const Floats* v, Floats* out) {
    if (GROUP == 1) unshuffle(v, out);
    if (GROUP == 2) interleave(sum(v[0], v[1]), sum(v[2], v[3]), &out[0], &out[1]);
    if (GROUP == 4) out[0] = sum(sum(v[0], v[1]), sum(v[2], v[3]));
}

// `shuffle` of GROUP copies of every value.
template <int GROUP>
inline void copied(const Floats* in, Floats* v) {
    if (GROUP == 1) shuffle(in, v);
    if (GROUP == 2) {
        separate(in[0], in[1], &v[0], &v[2]);
        v[1] = v[0], v[3] = v[2];
    }
    if (GROUP == 4) v[0] = v[1] = v[2] = v[3] = in[0];
}

// Where a pixel of the small maps has its four in the large ones.
struct Places {
    int64_t small, large, below;  // pixels; from a row of the large maps to the next
    template <class T>
    void load_four(T* large_maps, int channels, int c, Floats* v) const {
        T* p = large_maps + large * channels + c;
        v[0] = load(p), v[1] = load(p + channels);
        p += below * channels;
        v[2] = load(p), v[3] = load(p + channels);
    }
    void store_four(Value* large_maps, int channels, int c, const Floats* v) const {
        Value* p = large_maps + large * channels + c;
        store(p, v[0]), store(p + channels, v[1]);
        p += below * channels;
        store(p, v[2]), store(p + channels, v[3]);
    }
};

template <int N>
inline void load_row(const Value* p, Floats* v) {
    for (int i = 0; i < N; ++i) v[i] = load(p + i * LANES);
}

template <int N>
inline void store_row(Value* p, const Floats* v) {
    for (int i = 0; i < N; ++i) store(p + i * LANES, v[i]);
}

// Calls body(places, channel of the large maps) for every LANES of them.
template <class Body>
void each_place(const Shuffle& t, Body body) {
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < t.images * t.height; ++row)
        for (int64_t column = 0; column < t.width; ++column) {
            const Places at{row * t.width + column, 2 * (2 * row * t.width + column), 2 * t.width};
            for (int c = 0; c < t.channels; c += LANES) body(at, c);
        }
}

template <int GROUP>
void halve(const Shuffle& t, const Value* x, const Value* beside, Value* y) {
    each_place(t, [&](const Places& at, int c) {
        Floats v[4], out[4], same[4];
        for (int part = 0; part < GROUP; ++part) {
            at.load_four(x, GROUP * t.channels, GROUP * c + part * LANES, v);
            grouped<GROUP>(v, same + part * 4 / GROUP);
        }
        at.load_four(beside, t.channels, c, v);
        unshuffle(v, out);
        for (int i = 0; i < 4; ++i) out[i] = product_and_sum(same[i], all(1.0f / GROUP), out[i]);
        store_row<4>(y + 4 * (at.small * t.channels + c), out);
    });
}

template <int GROUP>
void halve_backward(const Shuffle& t, const Value* dy, Value* dx, Value* beside) {
    each_place(t, [&](const Places& at, int c) {
        Floats v[4], in[4];
        load_row<4>(dy + 4 * (at.small * t.channels + c), in);
        shuffle(in, v);
        at.store_four(beside, t.channels, c, v);
        for (int i = 0; i < 4; ++i) in[i] = product(in[i], all(1.0f / GROUP));
        for (int part = 0; part < GROUP; ++part) {
            copied<GROUP>(in + part * 4 / GROUP, v);
            at.store_four(dx, GROUP * t.channels, GROUP * c + part * LANES, v);
        }
    });
}

template <int GROUP>
void twice(const Shuffle& t, const Value* x, const Value* beside, Value* y) {
    each_place(t, [&](const Places& at, int c) {
        Floats v[4], in[4], same[4];
        const int64_t value = 4 * (at.small * t.channels + c);
        load_row<4 / GROUP>(x + value / GROUP, in);
        copied<GROUP>(in, same);
        load_row<4>(beside + value, in);
        shuffle(in, v);
        for (int i = 0; i < 4; ++i) v[i] = sum(v[i], same[i]);
        at.store_four(y, t.channels, c, v);
    });
}

template <int GROUP>
void twice_backward(const Shuffle& t, const Value* dy, Value* dx, Value* beside) {
    each_place(t, [&](const Places& at, int c) {
        Floats v[4], out[4];
        const int64_t value = 4 * (at.small * t.channels + c);
        at.load_four(dy, t.channels, c, v);
        unshuffle(v, out);
        store_row<4>(beside + value, out);
        grouped<GROUP>(v, out);
        store_row<4 / GROUP>(dx + value / GROUP, out);
    });
}

}  // namespace

extern "C" {

// y = blocks of `beside` as channels + means of `group` neighbouring channels of x's.
void shuffle_halve(const Shuffle* t, const Value* x, const Value* beside, Value* y) {
    (t->group == 1 ? halve<1> : t->group == 2 ? halve<2> : halve<4>)(*t, x, beside, y);
}

// The gradients of x and `beside`.
void shuffle_halve_backward(const Shuffle* t, const Value* dy, Value* dx, Value* beside) {
    (t->group == 1   ? halve_backward<1>
     : t->group == 2 ? halve_backward<2>
                     : halve_backward<4>)(*t, dy, dx, beside);
}

// y = channels of (`group` copies of x's channels + `beside`) as blocks.
void shuffle_twice(const Shuffle* t, const Value* x, const Value* beside, Value* y) {
    (t->group == 1 ? twice<1> : t->group == 2 ? twice<2> : twice<4>)(*t, x, beside, y);
}

void shuffle_twice_backward(const Shuffle* t, const Value* dy, Value* dx, Value* beside) {
    (t->group == 1   ? twice_backward<1>
     : t->group == 2 ? twice_backward<2>
                     : twice_backward<4>)(*t, dy, dx, beside);
}

}  // extern "C"
