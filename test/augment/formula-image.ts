/** The formula image of test/fixtures/make_augment.py: height x width x channels bytes. */
export function formulaImage(height: number, width: number, channels: number) {
  const pixels = new Uint8Array(height * width * channels);
  let i = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let k = 0; k < channels; k++)
        pixels[i++] = (3 * x * x + 5 * y * y + 7 * x * y + 53 * k * (x + 1) + 17) % 256;
  return { pixels, height, width, channels };
}
