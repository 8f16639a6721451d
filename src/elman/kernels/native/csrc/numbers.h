/* Decimal numbers in text, such as those of files of word vectors, to float32. */
#ifndef ELMAN_NUMBERS_H
#define ELMAN_NUMBERS_H

#include <clocale>
#include <cstdint>
#include <cstdlib>

#include "export.h"

namespace elman {

/* The powers of ten that a double has exactly. */
constexpr double exact_powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int64_t largest_exact_power = 22;
/* Whole numbers below this are exact doubles. */
constexpr uint64_t exact_limit = uint64_t(1) << 53;
/* Digits that cannot overflow a uint64_t. */
constexpr int most_digits = 19;
constexpr int64_t most_exponent = 100000;

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Read one number at `*place`, rounded to double and then to float as Python's float() and numpy do. Returns false, with
 * `*place` unchanged, for anything else than [+-] digits [. digits] [e [+-] digits]. */
inline bool read_number(const char** place, const char* end, float* value) {
  const char* at = *place;
  bool negative = false;
  if (at < end && (*at == '-' || *at == '+')) negative = *at++ == '-';
  uint64_t digits = 0;
  int significant = 0;
  int64_t exponent = 0;
  bool any = false, exact = true;
  bool fraction = false;
  for (; at < end; ++at) {
    if (*at == '.' && !fraction) {
      fraction = true;
      continue;
    }
    if (!is_digit(*at)) break;
    any = true;
    if (significant < most_digits) {
      digits = 10 * digits + uint64_t(*at - '0');
      significant += digits != 0;
      exponent -= fraction;
    } else {
      exact = false;
    }
  }
  if (!any) return false;
  if (at < end && (*at == 'e' || *at == 'E')) {
    const char* power = at + 1;
    bool below = false;
    if (power < end && (*power == '-' || *power == '+')) below = *power++ == '-';
    if (power == end || !is_digit(*power)) return false;
    int64_t found = 0;
    for (; power < end && is_digit(*power); ++power)
      if (found < most_exponent) found = 10 * found + (*power - '0');
    exponent += below ? -found : found;
    at = power;
  }
  if (at < end && !is_blank(*at)) return false;
  double magnitude;
  if (exact && digits < exact_limit && exponent >= -largest_exact_power && exponent <= largest_exact_power) {
    /* One operation on exact numbers is rounded correctly. */
    magnitude = double(digits);
    magnitude = exponent < 0 ? magnitude / exact_powers[-exponent] : magnitude * exact_powers[exponent];
    if (negative) magnitude = -magnitude;
  } else {
    char* after = nullptr;
    magnitude = std::strtod(*place, &after);
    if (after != at) return false;
  }
  *value = float(magnitude);
  *place = at;
  return true;
}

}  // namespace elman

/* Read exactly `count` numbers, separated by blanks, from a text of `length` bytes that a zero byte follows. Returns the
 * number of numbers that were read, which is less than `count` where the text has fewer or something else, and -1 if it
 * has more. */
ELMAN_API int64_t elman_parse_numbers(const char* text, int64_t length, int64_t count, float* values) {
  const char *place = text, *end = text + length;
  const char* point = std::localeconv()->decimal_point;
  if (point[0] != '.' || point[1] != 0) return 0; /* strtod would read other numbers */
  int64_t found = 0;
  while (true) {
    while (place < end && elman::is_blank(*place)) ++place;
    if (place == end) return found;
    if (found == count) return -1;
    if (!elman::read_number(&place, end, values + found)) return found;
    ++found;
  }
}

#endif
