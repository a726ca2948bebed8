/*-------------------------------------------------------------------------
 *
 * buffer.h
 *	  Bytes that grow at their end, and how texts are written into them.
 *
 * A zeroed Buffer is an empty one.  The bytes are not NUL-terminated, except
 * after buffer_terminate().  Whoever holds a Buffer frees it.
 *
 * IDENTIFICATION
 *	  test/simulator/buffer.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_BUFFER_H
#define SIMULATOR_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct Buffer
{
	char  *data;
	size_t length;
	size_t capacity;
} Buffer;

extern void buffer_append(Buffer *buffer, const void *data, size_t length);
extern void buffer_repeat(Buffer *buffer, const char *text, size_t times);
extern void buffer_text(Buffer *buffer, const char *text);
extern void buffer_byte(Buffer *buffer, char byte);
extern void buffer_integer(Buffer *buffer, int64_t number);
extern void buffer_format(Buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A quoted JSON string; NULL is written as null. */
extern void buffer_json(Buffer *buffer, const char *text);

/* `"name":"text"`, with a comma before it unless an object has just begun. */
extern void buffer_json_name(Buffer *buffer, const char *name);
extern void buffer_json_text(Buffer *buffer, const char *name,
							 const char *text);
extern void buffer_json_integer(Buffer *buffer, const char *name,
								int64_t number);
extern void buffer_json_boolean(Buffer *buffer, const char *name, int value);

/* Character data of XML. */
extern void buffer_xml(Buffer *buffer, const char *text);

/* A field of COPY's text format; NULL is written as \N. */
extern void buffer_copy_field(Buffer *buffer, const char *text);

/* Puts a NUL behind the bytes, outside their length, and returns them. */
extern char *buffer_terminate(Buffer *buffer);
extern void	 buffer_free(Buffer *buffer);

#endif /* SIMULATOR_BUFFER_H */
