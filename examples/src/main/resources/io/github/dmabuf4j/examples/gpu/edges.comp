#version 450

// The edge filter of the demo: half the sum of the absolute horizontal and vertical Sobel differences of luma, at most 255.
// The rows above and below the picture are its first and last again; the first and last column are 0. All in integers, so
// that the result is the same as the CPU's, bit by bit. Buffers are read and written by words, which every device can.
// An invocation makes one word: four pixels. Words are little-endian, as the bytes in them are counted.

layout(local_size_x = 16, local_size_y = 8) in;

layout(std430, binding = 0) readonly buffer Decoded { uint decoded[]; };
layout(std430, binding = 1) writeonly buffer Edges { uint edges[]; };

layout(push_constant) uniform Frame {
  int width;
  int height;
  int start;       // bytes to the first visible sample
  int stride;      // bytes from row to row, may be negative
  int sampleBytes; // 1 or 2
  int shift;       // to the right, for the upper 8 bits of a sample
  int edgesStride; // a multiple of 4
};

int byteAt(int at) {
  return int((decoded[at >> 2] >> ((at & 3) << 3)) & 255u);
}

int sampleAt(int x, int y) {
  int at = start + clamp(y, 0, height - 1) * stride + x * sampleBytes;
  int value = byteAt(at);
  if (sampleBytes == 2) {
    value |= byteAt(at + 1) << 8;
  }
  return value >> shift;
}

int edgeAt(int x, int y) {
  if (x <= 0 || x >= width - 1) {
    return 0;
  }
  int across = sampleAt(x + 1, y - 1) + 2 * sampleAt(x + 1, y) + sampleAt(x + 1, y + 1)
      - sampleAt(x - 1, y - 1) - 2 * sampleAt(x - 1, y) - sampleAt(x - 1, y + 1);
  int down = sampleAt(x - 1, y + 1) + 2 * sampleAt(x, y + 1) + sampleAt(x + 1, y + 1)
      - sampleAt(x - 1, y - 1) - 2 * sampleAt(x, y - 1) - sampleAt(x + 1, y - 1);
  return min(255, (abs(across) + abs(down)) >> 1);
}

void main() {
  int x = int(gl_GlobalInvocationID.x) * 4;
  int y = int(gl_GlobalInvocationID.y);
  if (x >= width || y >= height) {
    return;
  }
  uint word = 0u;
  for (int i = 0; i < 4; i++) {
    word |= uint(edgeAt(x + i, y)) << (i << 3);
  }
  edges[(y * edgesStride + x) >> 2] = word;
}
