/*-------------------------------------------------------------------------
 *
 * encoding.h
 *	  UTF-8, Base64 and percent-encoding.
 *
 * IDENTIFICATION
 *	  test/simulator/encoding.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_ENCODING_H
#define SIMULATOR_ENCODING_H

#include "buffer.h"

#include <stdbool.h>

/* Well-formed UTF-8 without a NUL. */
extern bool utf8_valid(const char *text, size_t length);

/* Characters of a valid text. */
extern size_t utf8_length(const char *text);

extern void	  base64_encode(Buffer *out, const char *data, size_t length);

/* False when text is not Base64 on one line with its padding. */
extern bool base64_decode(Buffer *out, const char *text);

/*
 * Decodes length bytes of a path segment, or of a part of a query, where "+"
 * is a space.  False when a "%" has no two hexadecimal digits behind it, or
 * when the outcome is not UTF-8.
 */
extern bool percent_decode(Buffer *out, const char *text, size_t length,
						   bool in_query);

#endif /* SIMULATOR_ENCODING_H */
