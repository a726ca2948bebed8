/*
 * fuzz.h
 *	  Readers and writers of the module under libFuzzer, inside of a server.
 *
 * A target is given bytes that libFuzzer made up, and a memory context that is
 * empty and goes afterwards.  What it finds out to be wrong it says by
 * FUZZ_REQUIRE; an error that it throws is a finding, too, and so is all that
 * the sanitizers see.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "postgres.h"

/* Ends the process when a condition does not hold; libFuzzer keeps the input. */
#define FUZZ_REQUIRE(condition) fuzz_require(condition, #condition)

extern void fuzz_require(bool holds, const char *condition);

/*
 * A memory context whose every chunk is a block of malloc's, so that the
 * sanitizer knows its bounds.  It stands in for AllocSetContextCreate() in
 * what is compiled with the targets.
 */
extern MemoryContext fuzz_context_create(MemoryContext parent, const char *name,
										 Size min_size, Size init_size,
										 Size max_size);

extern void			 fuzz_reply(const char *data, Size size);
extern void			 fuzz_payload(const char *data, Size size);
extern void			 fuzz_header(const char *data, Size size);

#endif /* FUZZ_H */
