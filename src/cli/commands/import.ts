import { Command, Option } from "commander";
import type {
  ArchiveOptions,
  DistributionOptions,
  ImportCommandOptions,
  RegistryOptions,
} from "../support/import-actions.ts";
import { dataFolderCommand, group } from "../support/options.ts";

const notes = `
Servers may run meanwhile. What the registry has already is left as it is, so
the same command continues an interrupted import, and a later run adds what is
new. Each namespace without an account becomes an organisation.

What cannot be imported is printed as "skipped" with the reason, and the exit
code is 1. docs/import-export.md has more.
`;

const distributionNotes = `
The folder is the "rootdirectory" of a distribution registry (registry:2 or 3),
or s3://BUCKET/PREFIX, with the endpoint and the credentials of storage.s3 in
the configuration, or in the file of --s3. It is never changed. Stop that
registry, or let no client push to it meanwhile.

--copy (the default) makes hard links on the same file system, else copies, and
verifies each digest. --in-place copies nothing: blobs of this registry are
links to the files, so the folder must stay. The collector removes only the
links. Blobs of a bucket are always copied.
`;

/** `berth import distribution|…` */
export function importCommand(): Command {
  const command = new Command("import")
    .description("import images of another registry")
    .addHelpText("after", notes);
  return group(command, [
    importOf("distribution", "import the data folder or the bucket of registry:2 or registry:3")
      .argument("<folder>", "a folder, or s3://BUCKET/PREFIX")
      .addOption(new Option("--in-place", "leave the files where they are").conflicts("copy"))
      .option("--copy", "copy or hard-link the files (default)")
      .option("--verify", "with --in-place: read all bytes and compare the digests")
      .option("--s3 <file>", "a configuration file with the storage.s3 keys of the bucket")
      .option("--to <namespace>", "for names without a namespace (default: library)")
      .addHelpText("after", distributionNotes)
      .action(async (folder: string, options: DistributionOptions) =>
        (await actions()).importDistribution(folder, options),
      ),
    importOf("oci-layout", "import images of an OCI layout: a folder or a tar archive")
      .argument("<place>")
      .argument("<name[:tag]>", "the repository, such as team/app")
      .addHelpText("after", layoutNotes)
      .action(async (place: string, name: string, options: ImportCommandOptions) =>
        (await actions()).importLayout(place, name, options),
      ),
    importOf("docker-archive", 'import an archive of "docker save"')
      .argument("<file>")
      .option("--to <namespace>", "for names without a namespace (default: library)")
      .addHelpText("after", archiveNotes)
      .action(async (file: string, options: ArchiveOptions) =>
        (await actions()).importArchive(file, options),
      ),
    importOf("registry", "import from a running registry, by its API")
      .argument("<url>")
      .option("--repository <name...>", "only these repositories (default: all)")
      .option("--namespace <name...>", "only these projects of Harbor, or namespaces")
      .option("--hub-api <url>", "an API like that of Docker Hub, which lists repositories")
      .option("--to <namespace>", "for names without a namespace (default: library)")
      .option("--user <name>", "log in as this user")
      .option("--password-stdin", "with --user: the first line of standard input")
      .option("--token-host <host>", "a token service that may get the password")
      .option("--ca <file>", "PEM certificates that the registry's may be signed with")
      .option("--insecure", "do not verify the certificate of the registry")
      .addHelpText("after", registryNotes)
      .action(async (url: string, options: RegistryOptions) =>
        (await actions()).importRegistry(url, options),
      ),
  ]);
}

const layoutNotes = `
The place is the folder or the tar archive of an OCI image layout, as "berth
export", skopeo, crane, oras, and docker buildx write it. Without a tag all
images are imported, under the tags that the layout has. A folder is read like
that of a distribution registry: hard links on one file system, else a copy.
`;

const archiveNotes = `
The file is an archive of "docker save" or "podman save". A host in front of a
name is left away: docker.io/library/alpine:3 becomes library/alpine:3. The
archive has no manifests, so the digests differ from those of the registry that
the image came from; "berth import oci-layout" keeps them.
`;

const registryNotes = `
The URL is that of the registry: https://registry.example.com, or a host, which
means https. All repositories that it lists are imported, or those of
--repository or --namespace, with all tags, platforms, and referrers of tags.

Harbor also tells push times, the visibility of projects and descriptions. So
does Docker Hub (docker.io), which needs --namespace or --repository, and
another Berth, if it is named with --hub-api too. Members of projects are
listed, and not imported.
`;

/** Loaded when a command runs, in one piece: many small files would slow the start of the server. */
const actions = () => import("../support/import-actions.ts");

const importOf = (name: string, description: string): Command =>
  dataFolderCommand(name, description)
    .option("--dry-run", "count what would be imported, and list what would be skipped")
    .option("--overwrite", "move tags that point elsewhere in this registry")
    .option("--owner <user>", "the owner of new organisations (default: only administrators)")
    .addOption(
      new Option(
        "--visibility <visibility>",
        "of new repositories (default: as there, or repositories.defaultVisibility)",
      ).choices(["public", "private"] satisfies ImportCommandOptions["visibility"][]),
    );
