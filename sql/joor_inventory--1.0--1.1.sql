/* joor_inventory 1.0 to 1.1: watching it */

-- complain if script is sourced in psql, rather than via ALTER EXTENSION
\echo Use "ALTER EXTENSION joor_inventory UPDATE TO '1.1'" to load this file. \quit
