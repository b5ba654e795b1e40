// SPDX-License-Identifier: GPL-2.0-only
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "tracer/symbols.h"

/* Symbols have virtual addresses, probes want offsets in the file: the load segment tells. */
static uint64_t file_offset(Elf *elf, uint64_t addr)
{
	size_t n;

	if (elf_getphdrnum(elf, &n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr p;

		if (!gelf_getphdr(elf, (int)i, &p) || p.p_type != PT_LOAD || !(p.p_flags & PF_X))
			continue;
		if (addr >= p.p_vaddr && addr - p.p_vaddr < p.p_filesz)
			return addr - p.p_vaddr + p.p_offset;
	}
	return 0;
}

static bool matches(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return !strncmp(pattern, name, len - 1);
	return !strcmp(pattern, name);
}

static int search_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			struct rec_symbol *symbols, size_t n)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count;
	int found = 0;

	if (!data || !header->sh_entsize)
		return 0;
	count = data->d_size / header->sh_entsize;
	for (size_t i = 0; i < count; i++) {
		GElf_Sym s;
		const char *name;

		if (!gelf_getsym(data, (int)i, &s) || GELF_ST_TYPE(s.st_info) != STT_FUNC ||
		    s.st_shndx == SHN_UNDEF)
			continue;
		name = elf_strptr(elf, header->sh_link, s.st_name);
		if (!name)
			continue;
		for (size_t k = 0; k < n; k++) {
			if (symbols[k].offset || !matches(symbols[k].name, name))
				continue;
			symbols[k].offset = file_offset(elf, s.st_value);
			found += symbols[k].offset != 0;
		}
	}
	return found;
}

int rec_symbols_find(const char *path, struct rec_symbol *symbols, size_t n)
{
	static const GElf_Word kinds[] = {SHT_SYMTAB, SHT_DYNSYM};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), found = 0;
	Elf *elf;

	if (fd < 0)
		return -errno;
	for (size_t k = 0; k < n; k++)
		symbols[k].offset = 0;
	elf_version(EV_CURRENT);
	/* not mapped: whoever owns the file may truncate it while we read */
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF) {
		found = -ENOEXEC;
		goto out;
	}
	for (size_t kind = 0; kind < 2 && found < (int)n; kind++) {
		Elf_Scn *section = NULL;

		while ((section = elf_nextscn(elf, section))) {
			GElf_Shdr header;

			if (gelf_getshdr(section, &header) && header.sh_type == kinds[kind])
				found += search_table(elf, section, &header, symbols, n);
		}
	}
out:
	if (elf)
		elf_end(elf);
	close(fd);
	return found;
}
