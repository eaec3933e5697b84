// A convolution's sizes, and where each of its outputs reads.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "simd.h"

extern "C" {

// One convolution's sizes: `in` and `out` are the sides of the tensors that it reads and writes.
struct Geometry {
    int32_t images, in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t kernel, stride, before_h, before_w, scatter;
};

}  // extern "C"

namespace {

int rounded_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// The taps of one phase of the output: where each reads, and which weight it takes.
struct Phase {
    int row, column, rows, columns;  // first output pixel, and how many, `step` apart
    std::vector<int> y, x, tap;
};

struct Plan {
    int step_in, step_out;      // pixels between neighbours, in the input and in the output
    int low_y, low_x;           // the buffer's first row and column, in input pixels
    int buffer_h, buffer_w, channels;
    std::vector<Phase> phases;
    size_t buffer_size() const { return (size_t)buffer_h * buffer_w * channels; }
};

int floor_div(int a, int b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

Plan plan_of(const Geometry& g) {
    Plan plan;
    int phases = g.scatter ? g.stride : 1;
    plan.step_in = g.scatter ? 1 : g.stride;
    plan.step_out = phases;
    plan.channels = rounded_up(g.in_c, DEPTH);
    int low_y = 0, low_x = 0, high_y = 0, high_x = 0;
    for (int row = 0; row < phases; ++row)
        for (int column = 0; column < phases; ++column) {
            Phase phase{row, column, std::max((g.out_h - row + phases - 1) / phases, 0),
                        std::max((g.out_w - column + phases - 1) / phases, 0), {}, {}, {}};
            for (int ky = 0; ky < g.kernel; ++ky)
                for (int kx = 0; kx < g.kernel; ++kx) {
                    int y = ky - g.before_h, x = kx - g.before_w;
                    if (g.scatter) {
                        y = row - y, x = column - x;
                        if (y - floor_div(y, g.stride) * g.stride) continue;
                        if (x - floor_div(x, g.stride) * g.stride) continue;
                        y = floor_div(y, g.stride), x = floor_div(x, g.stride);
                    }
                    phase.y.push_back(y), phase.x.push_back(x);
                    phase.tap.push_back(ky * g.kernel + kx);
                    low_y = std::min(low_y, y), low_x = std::min(low_x, x);
                    high_y = std::max(high_y, (phase.rows - 1) * plan.step_in + y);
                    high_x = std::max(high_x, (phase.columns - 1) * plan.step_in + x);
                }
            plan.phases.push_back(phase);
        }
    plan.low_y = low_y, plan.low_x = low_x;
    plan.buffer_h = high_y - low_y + 1, plan.buffer_w = high_x - low_x + 1;
    return plan;
}

// One image (in_h, in_w, in_c) into the buffer (buffer_h, buffer_w, channels), zeros around it.
void fill_buffer(const Plan& plan, const Geometry& g, const Value* image, Value* buffer) {
    const size_t width = (size_t)plan.buffer_w * plan.channels;
    for (int row = 0; row < plan.buffer_h; ++row) {
        Value* to = buffer + row * width;
        int y = row + plan.low_y;
        if (y < 0 || y >= g.in_h) {
            memset(to, 0, width * sizeof(Value));
            continue;
        }
        int before = std::min(-plan.low_x, plan.buffer_w);
        int inside = std::min(g.in_w, plan.buffer_w - before);
        const Value* from = image + (size_t)y * g.in_w * g.in_c;
        memset(to, 0, (size_t)before * plan.channels * sizeof(Value));
        if (plan.channels == g.in_c) {
            memcpy(to + before * plan.channels, from, (size_t)inside * g.in_c * sizeof(Value));
        } else {
            for (int x = 0; x < inside; ++x) {
                Value* pixel = to + (size_t)(before + x) * plan.channels;
                for (int c = 0; c < plan.channels; ++c)
                    pixel[c] = c < g.in_c ? from[x * g.in_c + c] : 0;
            }
        }
        size_t done = (size_t)(before + inside) * plan.channels;
        memset(to + done, 0, (width - done) * sizeof(Value));
    }
}

size_t in_size(const Geometry& g) { return (size_t)g.in_h * g.in_w * g.in_c; }
size_t out_size(const Geometry& g) { return (size_t)g.out_h * g.out_w * g.out_c; }

}  // namespace
