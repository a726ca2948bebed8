/*-------------------------------------------------------------------------
 *
 * request.h
 *	  What a call asks for: its first line and its headers.
 *
 * Life: request_begin() takes the first line as it came, before anything is
 * decoded; request_headers() adds the headers and works out the rest.  All
 * texts belong to the arena of the request.
 *
 * IDENTIFICATION
 *	  test/simulator/request.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef SIMULATOR_REQUEST_H
#define SIMULATOR_REQUEST_H

#include "answer.h"

#include <microhttpd.h>

typedef enum Operation
{
	OPERATION_NONE, /* no such address */
	OPERATION_BULK,
	OPERATION_SKU,
	OPERATION_READ
} Operation;

extern const char *const operation_names[]; /* by Operation, then NULL */

typedef struct Parameter
{
	const char *name; /* decoded */
	const char *value;
} Parameter;

typedef struct Request
{
	Arena		arena;
	const char *method;
	const char *path;  /* as it came */
	const char *query; /* as it came, NULL: none */
	Operation	operation;
	const char *style_number; /* decoded; of OPERATION_SKU */
	const char *style_identifier;
	Parameter  *parameters;
	size_t		parameter_count;
	size_t		parameter_capacity;
	const char *broken; /* what of the first line is wrong, NULL: nothing */

	const char *authorization; /* headers: NULL when they are not there */
	const char *content_type;
	const char *content_length;
	const char *accept;
	const char *user_agent;
	const char *expect;
	const char *transfer_encoding;
	const char *header_twice;	/* name of one that came twice */
	Format		content_format; /* FORMAT_NONE: none that JOOR knows */
	Format		accept_format;
} Request;

extern void request_begin(Request *request, const char *uri);
extern void request_headers(Request *request, struct MHD_Connection *connection,
							const char *method);

/* NULL: not there. */
extern const char *request_parameter(const Request *request, const char *name);
extern void		   request_free(Request *request);

#endif /* SIMULATOR_REQUEST_H */
