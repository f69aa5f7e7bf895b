/* Sentences that all pages of administration share. A second language is a second folder. */

export const admin = {
  title: "Administration",
  tabs: {
    admin: "Overview",
    adminUsers: "Users",
    adminOrganisations: "Organisations",
    adminStorage: "Storage",
    adminCollector: "Collection",
    adminAudit: "Audit log",
    adminKeys: "Signing keys",
    adminUploads: "Uploads and jobs",
    adminWebhooks: "Webhooks",
  },
  sameBy: "The command line does the same on the machine of the server:",
  close: "Close",
  delete: "Delete",
};
