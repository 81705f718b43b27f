/** A drawing as the digits model wants it: 28 x 28, the strokes in a box of 20, their center of mass in the middle. */

const SIDE = 28;
const BOX = 20;

/** Brightness 0 to 255 of each pixel of a canvas, by rows. */
function brightness(canvas) {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d", { willReadFrequently: true }).getImageData(0, 0, width, height);
  return Float32Array.from({ length: width * height }, (_, at) => data[4 * at + 3]);
}

/** The smallest box around what was drawn; undefined for an empty canvas. */
function boxOf(light, width) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  light.forEach((value, at) => {
    if (value > 0) {
      const [x, y] = [at % width, Math.floor(at / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
  });
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** The 784 pixels for the model, 0 to 255; undefined for an empty canvas. */
export function pixelsOf(canvas) {
  const light = brightness(canvas);
  const box = boxOf(light, canvas.width);
  if (box === undefined) {
    return undefined;
  }
  const scale = BOX / Math.max(box.width, box.height);
  // Each pixel of the drawing gives its light to the pixel of the picture that it falls into.
  const draw = (shift) => {
    const picture = new Float32Array(SIDE * SIDE);
    for (let y = 0; y < box.height; y += 1) {
      for (let x = 0; x < box.width; x += 1) {
        const [column, row] = [Math.floor(x * scale + shift[0]), Math.floor(y * scale + shift[1])];
        if (column >= 0 && column < SIDE && row >= 0 && row < SIDE) {
          picture[row * SIDE + column] += light[(box.top + y) * canvas.width + box.left + x] * scale * scale;
        }
      }
    }
    return picture.map((value) => Math.min(value, 255));
  };
  const first = draw([0, 0]);
  let [sum, sumX, sumY] = [0, 0, 0];
  first.forEach((value, at) => {
    sum += value;
    sumX += value * (at % SIDE);
    sumY += value * Math.floor(at / SIDE);
  });
  const middle = (SIDE - 1) / 2;
  return draw([Math.round(middle - sumX / sum), Math.round(middle - sumY / sum)]);
}

/** Lets a pointer draw on a canvas; calls `changed` after each stroke's piece. */
export function letDraw(canvas, changed) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  let from;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = place(event);
    line(from, from);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from !== undefined) {
      const to = place(event);
      line(from, to);
      from = to;
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      from = undefined;
    });
  }
  function line([x, y], to) {
    context.lineWidth = 24;
    context.lineCap = "round";
    context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--chalk");
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(...to);
    context.stroke();
    changed();
  }
  return () => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    changed();
  };
}
