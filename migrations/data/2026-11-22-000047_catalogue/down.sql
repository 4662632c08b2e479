DROP INDEX organisations_editions;
DROP INDEX services_editions;
