/* md5(text): hexadecimal MD5 digest of the text's UTF-8 bytes (RFC 1321). */
"use strict";

function md5(text) {
  const bytes = Array.from(new TextEncoder().encode(text));
  const bits = bytes.length * 8;
  bytes.push(0x80);
  while (bytes.length % 64 !== 56) bytes.push(0);
  for (let i = 0; i < 8; i++) bytes.push(Math.floor(bits / 2 ** (8 * i)) & 255);

  const turns = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
  const word = (at) => bytes.slice(at, at + 4).reduce((sum, b, i) => sum + b * 2 ** (8 * i), 0);
  const rounds = [
    (b, c, d, i) => [(b & c) | (~b & d), i],
    (b, c, d, i) => [(b & d) | (c & ~d), (5 * i + 1) % 16],
    (b, c, d, i) => [b ^ c ^ d, (3 * i + 5) % 16],
    (b, c, d, i) => [c ^ (b | ~d), (7 * i) % 16],
  ];

  let state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];
  for (let block = 0; block < bytes.length; block += 64) {
    let [a, b, c, d] = state;
    for (let i = 0; i < 64; i++) {
      const round = i >> 4;
      const [mixed, at] = rounds[round](b, c, d, i);
      const sine = Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32);
      const sum = (a + mixed + sine + word(block + 4 * at)) | 0;
      const turn = turns[round][i % 4];
      [a, d, c, b] = [d, c, b, (b + ((sum << turn) | (sum >>> (32 - turn)))) | 0];
    }
    state = [a, b, c, d].map((x, i) => (x + state[i]) | 0);
  }
  const hex = (x, i) => ((x >>> (8 * i)) & 255).toString(16).padStart(2, "0");
  return state.map((x) => [0, 1, 2, 3].map((i) => hex(x, i)).join("")).join("");
}
