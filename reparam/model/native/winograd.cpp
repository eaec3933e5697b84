// 3 x 3 convolutions of stride 1 with one pixel of zeros around, by Winograd's minimal filtering,
// F(2 x 2, 3 x 3) of Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", section
// 4.1: two channels take 16 multiplications for a tile of 2 x 2 outputs, where 9 weights of each
// output take 36.
//
// The 4 x 4 pixels that a tile reads become as many sums and differences, called its places. At each
// place what is left is a product of two matrices, (tiles, input channels) and (input channels, output
// channels); the 2 x 2 outputs are sums over its results. The gradients are the adjoints of that.

#include <omp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "simd.h"

extern "C" {

// The sides of what is read and of what is written are the same. Channels are multiples of WIDE.
struct Maps {
    int32_t images, height, width, in_c, out_c;
};

}  // extern "C"

namespace {

constexpr int PLACES = 16;
constexpr int STEPS = WIDE / DEPTH;  // multiplications that add up WIDE channels, a block

struct Free {
    void operator()(void* p) const { operator delete[](p, std::align_val_t(64)); }
};
template <class T>
using Buffer = std::unique_ptr<T[], Free>;
template <class T>
Buffer<T> buffer(int64_t n) {
    return Buffer<T>(static_cast<T*>(operator new[](n * sizeof(T), std::align_val_t(64))));
}

int64_t ratio_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
int blocks(int channels) { return channels / WIDE; }

struct Tiles {
    int64_t rows, columns, count;
    explicit Tiles(const Maps& m)
        : rows(ratio_up(m.height, 2)), columns(ratio_up(m.width, 2)),
          count(m.images * rows * columns) {}
};

// Tiles from `first` on, `count` of them: of a thread, or what it takes at a time.
struct Range {
    int64_t first, count;
};

Range of_thread(int64_t tiles) {
    const int64_t share = ratio_up(tiles, omp_get_num_threads());
    const int64_t first = std::min(tiles, omp_get_thread_num() * share);
    return {first, std::min(share, tiles - first)};
}

// Calls work(tiles) for equal parts of a range, of `most` tiles at most.
template <class Work>
void in_parts(Range all, int64_t most, Work work) {
    if (all.count == 0) return;
    const int64_t size = ratio_up(all.count, ratio_up(all.count, most));
    for (int64_t i = 0; i < all.count; i += size)
        work(Range{all.first + i, std::min(size, all.count - i)});
}

// A tile: its image, and the first of its outputs.
struct Tile {
    const Tiles* tiles;
    int64_t image, y, x;
    Tile(const Tiles& all, int64_t number)
        : tiles(&all), image(number / (all.rows * all.columns)),
          y(number / all.columns % all.rows * 2), x(number % all.columns * 2) {}
    void next() {
        x += 2;
        if (x < 2 * tiles->columns) return;
        x = 0, y += 2;
        if (y < 2 * tiles->rows) return;
        y = 0, ++image;
    }
};

// Where SIDE x SIDE pixels are, from `before` above and left of a tile's first output on: rows of
// maps (images, height, width, channels), or a row of zeros; columns beyond the border have no lanes.
template <int SIDE>
struct Pixels {
    const Value* rows[SIDE];
    Lanes columns[SIDE];
    explicit Pixels(const Value* zeros) {  // all outside
        for (int i = 0; i < SIDE; ++i) rows[i] = zeros, columns[i] = first_lanes(0);
    }
    Pixels(const Maps& m, const Tile& tile, int before, const Value* maps, int channels,
           const Value* zeros) {
        const int64_t x = tile.x - before, y = tile.y - before;
        for (int i = 0; i < SIDE; ++i) {
            const bool inside = y + i >= 0 && y + i < m.height;
            const int64_t pixel = (tile.image * m.height + y + i) * m.width + x;
            rows[i] = inside ? maps + pixel * channels : zeros;
            columns[i] = first_lanes(x + i >= 0 && x + i < m.width ? LANES : 0);
        }
    }
    // LANES channels of every pixel, from c on.
    void load_all(int channels, int c, Floats* to) const {
#pragma GCC unroll 4
        for (int j = 0; j < SIDE; ++j)
#pragma GCC unroll 4
            for (int i = 0; i < SIDE; ++i) {
                const Value* at = rows[i] + j * (int64_t)channels + c;
                to[i * SIDE + j] = load(columns[j], at);
                // What the next tile reads and this one does not.
                if (j >= SIDE - 2) __builtin_prefetch(at + 2 * (int64_t)channels);
            }
    }
};

// The four transformations, of columns and then of rows. Lavin & Gray's B, A, and G, equation 8.
inline void input_of(const Floats* in, int step, Floats* out, int out_step) {
    const Floats a = in[0], b = in[step], c = in[2 * step], d = in[3 * step];
    out[0] = difference(a, c), out[out_step] = sum(b, c);
    out[2 * out_step] = difference(c, b), out[3 * out_step] = difference(b, d);
}
inline void output_of(const Floats* in, int step, Floats* out, int out_step) {
    const Floats a = in[0], b = in[step], c = in[2 * step], d = in[3 * step];
    out[0] = sum(a, sum(b, c)), out[out_step] = difference(difference(b, c), d);
}
inline void gradient_of(const Floats* in, int step, Floats* out, int out_step) {  // A, of outputs
    const Floats a = in[0], b = in[step];
    out[0] = a, out[out_step] = sum(a, b), out[2 * out_step] = difference(a, b);
    out[3 * out_step] = difference(all(0.0f), b);
}
inline void weights_of(const Floats* in, int step, Floats* out, int out_step) {
    const Floats a = in[0], b = in[step], c = in[2 * step];
    const Floats both = product(all(0.5f), sum(a, c)), half = product(all(0.5f), b);
    out[0] = a, out[out_step] = sum(both, half), out[2 * out_step] = difference(both, half);
    out[3 * out_step] = c;
}
inline void weights_gradient_of(const Floats* in, int step, Floats* out, int out_step) {
    const Floats a = in[0], b = in[step], c = in[2 * step], d = in[3 * step];
    const Floats both = product(all(0.5f), sum(b, c));
    out[0] = sum(a, both), out[out_step] = product(all(0.5f), difference(b, c));
    out[2 * out_step] = sum(both, d);
}

// FROM x FROM values to TO x TO.
template <int FROM, int TO, class Line>
inline void both_ways(const Floats* in, Floats* out, Line line) {
    Floats half[TO * FROM];
#pragma GCC unroll 4
    for (int j = 0; j < FROM; ++j) line(in + j, FROM, half + j, FROM);
#pragma GCC unroll 4
    for (int i = 0; i < TO; ++i) line(half + i * FROM, 1, out + i * TO, 1);
}

// A row of four pixels outside.
std::vector<Value> zero_row(int channels) { return std::vector<Value>(4 * channels, Value{}); }

// DEPTH tiles from `tile` on, of which `left` are there, side by side as factors: what work(channel,
// pixels of a tile, values at every place) makes of them. Places are `place` apart, blocks `block`.
template <int SIDE, class Work>
inline void store_tiles(const Maps& m, Tile& tile, int64_t left, int before, const Value* maps,
                        int channels, const Value* zeros, Value* to, int64_t place, int64_t block,
                        Work work) {
    const Pixels<SIDE> first(m, tile, before, maps, channels, zeros);
    tile.next();
    Pixels<SIDE> second(zeros);
    if (DEPTH == 2 && left > 1) {
        second = Pixels<SIDE>(m, tile, before, maps, channels, zeros);
        tile.next();
    }
    for (int c = 0; c < channels; c += LANES) {
        Floats in[SIDE * SIDE], one[PLACES], two[PLACES];
        first.load_all(channels, c, in);
        work(c, in, one);
        if (DEPTH == 2) {
            second.load_all(channels, c, in);
            work(c, in, two);
        }
        Value* at = to + c / WIDE * block + c % WIDE * DEPTH;
#pragma GCC unroll 16
        for (int p = 0; p < PLACES; ++p, at += place) store_factors(at, one[p], two[p]);
    }
}

template <class F, int... N>
constexpr auto table_of(F get, std::integer_sequence<int, N...>) {
    return std::array<decltype(get(std::integral_constant<int, 1>())), sizeof...(N)>{
        get(std::integral_constant<int, N + 1>())...};
}

// N rows by a block of columns: sums of `steps` products, `blocks` times. From one row to the next
// there are ROW values, from one step to the next STEP, from one block's rows to the next `a_block`.
template <int N, int ROW, int STEP>
void rows_times(int blocks, int64_t steps, const Value* a, int64_t a_block, const Value* b,
                bool adds, float* to, int64_t to_row) {
    Floats sums[N][2];
#pragma GCC unroll 14
    for (int n = 0; n < N; ++n) {
        sums[n][0] = adds ? load_floats(to + n * to_row) : all(0.0f);
        sums[n][1] = adds ? load_floats(to + n * to_row + LANES) : all(0.0f);
    }
    for (int block = 0; block < blocks; ++block, a += a_block) {
        const Value* at = a;
        for (int64_t step = 0; step < steps; ++step, at += STEP, b += WIDE * DEPTH) {
            const Factors b0 = load_factors(b), b1 = load_factors(b + DEPTH * LANES);
#pragma GCC unroll 14
            for (int n = 0; n < N; ++n) {
                const Factors row = in_all_lanes(at + n * ROW);
                sums[n][0] = multiply(sums[n][0], row, b0);
                sums[n][1] = multiply(sums[n][1], row, b1);
            }
        }
    }
#pragma GCC unroll 14
    for (int n = 0; n < N; ++n) {
        store_floats(to + n * to_row, sums[n][0]);
        store_floats(to + n * to_row + LANES, sums[n][1]);
    }
}

// Calls work(first, count) for nearly equal parts of n, of PIXELS at most.
template <class Work>
inline void in_rows(int64_t n, Work work) {
    const int64_t parts = ratio_up(n, PIXELS);
    for (int64_t i = 0; i < parts; ++i) {
        const int64_t first = n * i / parts;
        work(first, (int)(n * (i + 1) / parts - first));
    }
}

// By N: tiles by output channels, and channels of the gradient by those of the inputs.
constexpr auto OUTPUTS = table_of([](auto n) { return &rows_times<n(), WIDE, DEPTH>; },
                                  std::make_integer_sequence<int, PIXELS>());
constexpr auto GRADIENTS = table_of([](auto n) { return &rows_times<n(), DEPTH, WIDE * DEPTH>; },
                                    std::make_integer_sequence<int, PIXELS>());

// A tile's inputs at every place, blocks of their channels `block_step` apart.
inline void read_inputs(const Maps& m, const Tile& tile, const Value* x, const Value* zeros, Value* v,
                        int64_t place, int64_t block_step) {
    const Pixels<4> pixels(m, tile, 1, x, m.in_c, zeros);
    for (int c = 0; c < m.in_c; c += LANES) {
        Floats in[PLACES], out[PLACES];
        pixels.load_all(m.in_c, c, in);
        both_ways<4, 4>(in, out, input_of);
        Value* to = v + c / WIDE * block_step + c % WIDE;
#pragma GCC unroll 16
        for (int p = 0; p < PLACES; ++p, to += place) store(to, out[p]);
    }
}

// A tile's outputs in a block of channels: what a product of matrices gave at every place.
inline void write_outputs(const Maps& m, const Tile& tile, int block, const float* sums,
                          int64_t place, const float* bias, Value* y, Value* unused) {
    const int64_t row = (int64_t)m.width * m.out_c;
    Value* first = y + (tile.image * m.height + tile.y) * row + tile.x * m.out_c;
    const bool right = tile.x + 1 < m.width, below = tile.y + 1 < m.height;
    Value* const at[4] = {first, right ? first + m.out_c : unused, below ? first + row : unused,
                          right && below ? first + row + m.out_c : unused};
    for (int j = 0; j < WIDE; j += LANES) {
        const int k = block * WIDE + j;
        const Floats shift = load_floats(bias + k);
        Floats in[PLACES], out[4];
        const float* from = sums + j;
#pragma GCC unroll 16
        for (int p = 0; p < PLACES; ++p, from += place) in[p] = load_floats(from);
        both_ways<4, 2>(in, out, output_of);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) store(at[i] + k, sum(out[i], shift));
    }
}

// The transposed matrix of LANES x LANES floats, whose rows are `step` apart.
inline void transposed(const float* in, int64_t step, float* out, int64_t out_step) {
    Floats a[LANES], b[LANES];
    for (int i = 0; i < LANES; ++i) a[i] = load_floats(in + i * step);
    for (int n = 1; n < LANES; n *= 2) {
        for (int i = 0; i < LANES / 2; ++i)
            interleave(a[i], a[i + LANES / 2], &b[2 * i], &b[2 * i + 1]);
        std::copy(b, b + LANES, a);
    }
    for (int i = 0; i < LANES; ++i) store_floats(out + i * out_step, a[i]);
}

// The weights (out_c, 3, 3, in_c) of one output channel and LANES inputs, at every place.
inline void transformed(const float* weights, int in_c, Floats* out) {
    Floats in[9];
    for (int i = 0; i < 9; ++i) in[i] = load_floats(weights + (int64_t)i * in_c);
    both_ways<3, 4>(in, out, weights_of);
}

}  // namespace

extern "C" {

// Values that the transformed weights take.
int64_t winograd_size(const Maps* m) {
    return (int64_t)PLACES * blocks(m->in_c) * blocks(m->out_c) * WIDE * WIDE;
}

// The weights (out_c, 3, 3, in_c) at every place: (places, blocks of outputs, blocks of inputs,
// STEPS, WIDE, DEPTH).
void winograd_pack(const Maps* m, const float* weights, Value* to) {
    const int ins = blocks(m->in_c), outs = blocks(m->out_c);
    const int64_t size = (int64_t)ins * outs * WIDE * WIDE;
#pragma omp parallel
    {
        Buffer<Value> block = buffer<Value>(PLACES * WIDE * WIDE);
#pragma omp for collapse(2) schedule(static)
        for (int out = 0; out < outs; ++out)
            for (int in = 0; in < ins; ++in) {
                for (int k = 0; k < WIDE; ++k)
                    for (int c = 0; c < WIDE; c += LANES) {
                        Floats u[PLACES];
                        transformed(weights + (int64_t)(out * WIDE + k) * 9 * m->in_c + in * WIDE + c,
                                    m->in_c, u);
#pragma GCC unroll 16
                        for (int p = 0; p < PLACES; ++p)
                            store(&block[(p * WIDE + k) * WIDE + c], u[p]);
                    }
                for (int p = 0; p < PLACES; ++p) {
                    const float* from = (const float*)&block[p * WIDE * WIDE];
                    float* there = (float*)(to + p * size + ((int64_t)out * ins + in) * WIDE * WIDE);
                    for (int k = 0; k < WIDE; k += LANES)
                        for (int step = 0; step < STEPS; step += LANES)
                            transposed(from + k * STEPS + step, STEPS, there + step * WIDE + k,
                                       WIDE);
                }
            }
    }
}

// The same for the gradient of the inputs: a convolution of the outputs' gradient by the weights
// turned by half a turn, (places, blocks of inputs, blocks of outputs, STEPS, WIDE, DEPTH).
void winograd_pack_adjoint(const Maps* m, const float* weights, Value* to) {
    const int ins = blocks(m->in_c), outs = blocks(m->out_c);
    const int64_t size = (int64_t)ins * outs * WIDE * WIDE;
    const int64_t row = 9 * m->in_c;
    constexpr int turned[4] = {3, 1, 2, 0};
#pragma omp parallel for collapse(2) schedule(static)
    for (int in = 0; in < ins; ++in)
        for (int out = 0; out < outs; ++out) {
            Value* there = to + ((int64_t)in * outs + out) * WIDE * WIDE;
            for (int k = 0; k < WIDE; k += DEPTH)
                for (int c = 0; c < WIDE; c += LANES) {
                    Floats one[PLACES], two[PLACES];
                    const float* from = weights + (out * WIDE + k) * row + in * WIDE + c;
                    transformed(from, m->in_c, one);
                    if (DEPTH == 2) transformed(from + row, m->in_c, two);
                    for (int i = 0; i < 4; ++i)
                        for (int j = 0; j < 4; ++j)
                            store_factors(there + (turned[i] * 4 + turned[j]) * size +
                                              (k / DEPTH * WIDE + c) * DEPTH,
                                          one[i * 4 + j], two[i * 4 + j]);
                }
        }
}

// y (images, height, width, out_c) of x (images, height, width, in_c), both in Values.
void winograd(const Maps* m, const Value* x, const Value* weights, const float* bias, Value* y) {
    const Tiles tiles(*m);
    const int ins = blocks(m->in_c), outs = blocks(m->out_c);
    const int64_t most = 4 * PIXELS, block_step = most * WIDE;
    const int64_t place = ins * block_step + WIDE;  // not a multiple of what the cache counts by
    const std::vector<Value> zeros = zero_row(m->in_c);
#pragma omp parallel
    {
        Buffer<Value> v = buffer<Value>(PLACES * place);
        Buffer<float> sums = buffer<float>(PLACES * block_step);
        std::vector<Value> unused(m->out_c);
        in_parts(of_thread(tiles.count), most, [&](Range part) {
            Tile tile(tiles, part.first);
            for (int64_t t = 0; t < part.count; ++t, tile.next())
                read_inputs(*m, tile, x, zeros.data(), &v[t * WIDE], place, block_step);
            for (int block = 0; block < outs; ++block) {
                for (int p = 0; p < PLACES; ++p) {
                    const Value* u = weights + ((int64_t)p * outs + block) * ins * WIDE * WIDE;
                    in_rows(part.count, [&](int64_t first, int count) {
                        OUTPUTS[count - 1](ins, STEPS, &v[p * place + first * WIDE], block_step, u,
                                           false, &sums[p * block_step + first * WIDE], WIDE);
                    });
                }
                tile = Tile(tiles, part.first);
                for (int64_t t = 0; t < part.count; ++t, tile.next())
                    write_outputs(*m, tile, block, &sums[t * WIDE], block_step, bias, y,
                                  unused.data());
            }
        });
    }
}

// The gradients of the weights (out_c, 3, 3, in_c), and of the bias, which begins at zero.
void winograd_weights(const Maps* m, const Value* x, const Value* dy, float* weights,
                      double* bias) {
    const Tiles tiles(*m);
    const int ins = blocks(m->in_c), outs = blocks(m->out_c);
    const int64_t in_wide = ins * WIDE, of_place = in_wide * outs * WIDE;
    const int64_t most = DEPTH * std::max<int64_t>(64 / DEPTH, std::max(m->in_c, m->out_c));
    const std::vector<Value> zeros = zero_row(std::max(m->in_c, m->out_c));
    std::vector<Buffer<float>> of_threads(omp_get_max_threads());
    std::vector<std::vector<double>> biases(omp_get_max_threads());
#pragma omp parallel
    {
        const Range mine = of_thread(tiles.count);
        const int64_t times = ratio_up(std::min(most, mine.count), DEPTH), row = WIDE * DEPTH;
        const int64_t v_place = (ins * times + 1) * row, d_place = (outs * times + 1) * row;
        Buffer<Value> v = buffer<Value>(PLACES * v_place), d = buffer<Value>(PLACES * d_place);
        Buffer<float> sums;
        std::vector<double> of_bias(m->out_c);
        in_parts(mine, most, [&](Range part) {
            std::vector<float> bias_of_part(m->out_c);
            Tile of_x(tiles, part.first), of_dy(tiles, part.first);
            for (int64_t t = 0; t < part.count; t += DEPTH) {
                const int64_t at = t / DEPTH * row;
                store_tiles<4>(*m, of_x, part.count - t, 1, x, m->in_c, zeros.data(), &v[at],
                               v_place, times * row, [](int, const Floats* in, Floats* out) {
                                   both_ways<4, 4>(in, out, input_of);
                               });
                store_tiles<2>(*m, of_dy, part.count - t, 0, dy, m->out_c, zeros.data(), &d[at],
                               d_place, times * row,
                               [total = bias_of_part.data()](int k, const Floats* in, Floats* out) {
                                   const Floats four = sum(sum(in[0], in[1]), sum(in[2], in[3]));
                                   store_floats(total + k, sum(load_floats(total + k), four));
                                   both_ways<2, 4>(in, out, gradient_of);
                               });
            }
            for (int k = 0; k < m->out_c; ++k) of_bias[k] += bias_of_part[k];
            const bool adds = (bool)sums;
            if (!adds) sums = buffer<float>(PLACES * of_place);
            for (int p = 0; p < PLACES; ++p)
                for (int out = 0; out < outs; ++out)
                    for (int in = 0; in < ins; ++in)
                        in_rows(WIDE, [&](int64_t first, int count) {
                            GRADIENTS[count - 1](
                                1, ratio_up(part.count, DEPTH),
                                &d[p * d_place + out * times * row + first * DEPTH], 0,
                                &v[p * v_place + in * times * row], adds,
                                &sums[p * of_place + (out * WIDE + first) * in_wide + in * WIDE],
                                in_wide);
                        });
        });
        of_threads[omp_get_thread_num()] = std::move(sums);
        biases[omp_get_thread_num()] = std::move(of_bias);
#pragma omp barrier
#pragma omp for schedule(static)
        for (int k = 0; k < m->out_c; ++k)
            for (int c = 0; c < m->in_c; c += LANES) {
                Floats in[PLACES], out[9];
                std::fill(in, in + PLACES, all(0.0f));
                for (const Buffer<float>& of_one : of_threads)
                    for (int p = 0; p < PLACES && of_one; ++p)
                        in[p] = sum(in[p], load_floats(&of_one[p * of_place + k * in_wide + c]));
                both_ways<4, 3>(in, out, weights_gradient_of);
                for (int i = 0; i < 9; ++i)
                    store_floats(weights + ((int64_t)k * 9 + i) * m->in_c + c, out[i]);
            }
    }
    for (const std::vector<double>& of_one : biases)
        for (size_t k = 0; k < of_one.size(); ++k) bias[k] += of_one[k];
}

}  // extern "C"
