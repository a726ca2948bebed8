/*-------------------------------------------------------------------------
 *
 * failing_malloc.c
 *	  Fails allocations of libcurl and libxml2.
 *
 * Preloaded into the server it stands before libc's malloc, calloc, realloc
 * and strdup.  The same file is the library of two SQL functions, so that a
 * session says which of its own calls shall fail:
 *
 *	  fail_malloc(n bigint, onwards boolean)
 *		  the n-th from now on, or that and all that follow; 0: none
 *	  failed_mallocs() bigint
 *		  how many have failed since
 *
 * Whose call it is shows in the address to which it returns.
 *
 * IDENTIFICATION
 *	  test/campaign/failing_malloc.c
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include "postgres.h"

#include <link.h>

#include "fmgr.h"

PG_MODULE_MAGIC;

/* glibc's own, under their other names. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

typedef struct Range
{
	uintptr_t from;
	uintptr_t to;
} Range;

static Range ranges[8];
static int	 nranges = 0;

static int64 first = 0; /* the one that fails; 0: none */
static bool	 onwards = false;
static int64 seen = 0;
static int64 failed = 0;

PG_FUNCTION_INFO_V1(fail_malloc);
PG_FUNCTION_INFO_V1(failed_mallocs);

/* Whether a call that returns there is to fail. */
static bool
fails(const void *caller)
{
	uintptr_t address = (uintptr_t) caller;

	if (first == 0)
		return false;
	for (int i = 0; i < nranges; i++)
	{
		if (address < ranges[i].from || address >= ranges[i].to)
			continue;
		seen++;
		if (seen != first && !(onwards && seen > first))
			return false;
		failed++;
		errno = ENOMEM;
		return true;
	}
	return false;
}

void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
											  : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
											  : __libc_realloc(old, size);
}

#undef strdup
char *
strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char  *copy;

	if (fails(__builtin_return_address(0)))
		return NULL;
	copy = __libc_malloc(size);
	return copy ? memcpy(copy, text, size) : NULL;
}

/* Remembers the code of the two libraries. */
static int
add_ranges(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void) size;
	(void) arg;
	if (!strstr(info->dlpi_name, "/libcurl") &&
		!strstr(info->dlpi_name, "/libxml2"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum && nranges < (int) lengthof(ranges);
		 i++)
	{
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0)
			continue;
		ranges[nranges].from = info->dlpi_addr + header->p_vaddr;
		ranges[nranges].to = ranges[nranges].from + header->p_memsz;
		nranges++;
	}
	return 0;
}

Datum
fail_malloc(PG_FUNCTION_ARGS)
{
	first = 0;
	nranges = 0;
	dl_iterate_phdr(add_ranges, NULL);
	seen = failed = 0;
	onwards = PG_GETARG_BOOL(1);
	first = PG_GETARG_INT64(0);
	PG_RETURN_VOID();
}

Datum
failed_mallocs(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	first = 0;
	PG_RETURN_INT64(failed);
}
