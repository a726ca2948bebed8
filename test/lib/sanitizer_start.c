/*
 * Loaded before a server that AddressSanitizer is loaded into: its first use
 * of memory must not come from a constructor of a library that holds a lock of
 * libc's, or it never ends.  Linked with -z initfirst.
 */
#include <stdlib.h>

static void __attribute__((constructor)) use_memory(void)
{
	free(malloc(1));
}
