# The image for several processors, with an SBOM and provenance: `VERSION=0.1.0 docker buildx bake --push`. It needs a builder of
# the driver docker-container (`docker buildx create --use`), and QEMU or a builder of its own for the other processor.
variable "IMAGE" {
  default = "berth"
}
variable "VERSION" {
  default = "0.1.0"
}
# The commit, for the label org.opencontainers.image.revision.
variable "REVISION" {
  default = ""
}

group "default" {
  targets = ["berth"]
}

target "berth" {
  context   = "."
  platforms = ["linux/amd64", "linux/arm64"]
  tags      = ["${IMAGE}:${VERSION}"]
  args = {
    VERSION  = VERSION
    REVISION = REVISION
  }
  attest = ["type=sbom", "type=provenance,mode=max"]
}
