"""What benchmarks/web.py runs inside the page: scripts that measure."""

READY = """async () => {
    while (!("reparam" in window)) await new Promise((go) => setTimeout(go, 10));
    await reparam.ready;
    // The comparison with PyTorch and the other engines' start are done when the page rests.
    const run = reparam.state().run;
    while (reparam.golden(run) === null || Number.isNaN(reparam.golden(run)) || !reparam.warm())
        await new Promise((go) => setTimeout(go, 20));
    await new Promise((go) => setTimeout(go, 300));
}"""

DECODE = """async ([run, times]) => {
    const trip = [];
    const further = reparam.state().z[run].slice(2);
    for (let i = 0; i < times; i++) {
        const began = performance.now();
        await reparam.decode(run, [[2 * Math.cos(i), 2 * Math.sin(i), ...further]]);
        trip.push(performance.now() - began);
    }
    const inside = reparam.timings().runs.slice(-times).map((r) => r.milliseconds);
    return { inside, trip };
}"""
"""One image at a time: milliseconds inside the runtime, and with the way there and back."""

GRID = """async (run) => {
    const tasks = [];
    const watch = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) tasks.push(entry.duration);
    });
    watch.observe({ type: "longtask", buffered: false });
    document.querySelector('[data-value="quantiles"]').click();
    while (reparam.background(run)?.decoded !== 400) await new Promise((go) => setTimeout(go, 5));
    await new Promise((go) => setTimeout(go, 200));
    watch.disconnect();
    const { milliseconds } = reparam.background(run);
    return { milliseconds, longest: Math.max(0, ...tasks) };
}"""
"""400 images at the prior's quantiles, from the click; a task below 50 ms counts as 0."""

POINTER = (
    """(run) => {
    window.latencies = [];
    const map = document.querySelector(".map");
    map.addEventListener("pointermove", (event) => {
        // The page's own listener came first: this is the z that the move led to.
        const z = String(reparam.state().z[run]);
        const look = () => {
            if (String(reparam.state().z[run]) !== z) return; // a newer move
            if (String(reparam.decoded(run)?.z) !== z) return void requestAnimationFrame(look);
            // A message posted in a frame's callback comes after that frame is painted.
            const channel = new MessageChannel();
            channel.port1.onmessage = () => latencies.push(performance.now() - event.timeStamp);
            channel.port2.postMessage(0);
        };
        requestAnimationFrame(look);
    });
}""",
    "() => latencies",
)
"""From the pointer's own time stamp to the frame that holds the decoded image."""

FRAMES = """async (count) => {
    const map = document.querySelector(".map");
    const arrows = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"];
    const frames = [];
    const next = () => new Promise((go) => requestAnimationFrame(go));
    let last = await next();
    for (let i = 0; i < 2 * count; i++) {
        if (i < count) {
            // A square, small enough that the points stay in sight.
            const key = arrows[Math.floor(i / 4) % 4];
            map.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey: true }));
        } else {
            const { left, top, width, height } = map.getBoundingClientRect();
            const deltaY = i < 1.5 * count ? -15 : 15;
            const [clientX, clientY] = [left + width / 2, top + height / 2];
            map.dispatchEvent(new WheelEvent("wheel", { deltaY, clientX, clientY }));
        }
        const now = await next();
        frames.push(now - last);
        last = now;
    }
    return frames.slice(1);
}"""
"""Milliseconds between the stamps of frames, each of another part of the map: it is moved around,
and then zoomed in and out again.
"""

RENDERER = """() => {
    const gl = document.createElement("canvas").getContext("webgl2");
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    return gl.getParameter(info.UNMASKED_RENDERER_WEBGL);
}"""
"""What draws WebGL."""

THUMBNAILS_READY = """async ([run, count]) => {
    while (reparam.thumbnails(run)?.ready !== count) await new Promise((go) => setTimeout(go, 20));
}"""
